//! What comes in goes out again, and what would not is a fault.

use basphere_api::crd::AddressLease;
use basphere_core::ipam::{Pool, Purpose};
use serde_json::json;

mod round_trip;

use super::write::{Files, files};
use super::{ALLOCATIONS, Imported, LEASES, Remark, Remarks, read};

const KIM: &str = "kim\t10.254.0.32\t2025-03-03T01:12:45Z";
const LEE: &str = "lee\t10.254.0.64\t2025-03-04T02:00:00Z";

/// The site's pool.
fn pool() -> Pool {
    let spec = json!({
        "cidr": "10.254.0.0/21", "gateway": "10.254.0.1", "blockSize": 27,
        "reserved": ["10.254.0.1", "10.254.0.2", "10.254.0.3", "10.254.0.60"],
    });
    Pool::new("nodes", serde_json::from_value(spec).unwrap()).unwrap()
}

fn text(header: &str, lines: &[&str]) -> String {
    let lines = std::iter::once(&header).chain(lines);
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn import(allocations: &[u8], leases: &[u8]) -> Imported {
    read(allocations, leases, &pool(), "user-")
}

/// Imports lines of the two files, behind their headers.
fn lines(allocations: &[&str], leases: &[&str]) -> Imported {
    let allocations = text(ALLOCATIONS.header, allocations);
    import(
        allocations.as_bytes(),
        text(LEASES.header, leases).as_bytes(),
    )
}

/// The objects as a cluster or a file gives them back: parsed from JSON, in the order of slots.
fn stored(imported: &Imported) -> Vec<(AddressLease, basphere_core::ipam::Lease)> {
    let entries = imported.blocks.iter().chain(&imported.addresses);
    let mut stored: Vec<_> = entries
        .map(|entry| {
            let json = serde_json::to_string(&entry.object()).unwrap();
            let object: AddressLease = serde_json::from_str(&json).unwrap();
            let lease = object.lease().unwrap();
            (object, lease)
        })
        .collect();
    stored.sort_by_key(|(_, lease)| lease.slot.clone());
    stored
}

fn said(remarks: &Remarks) -> Vec<String> {
    let say = |remark: &&Remark| {
        let word = if remark.is_fault { "fault" } else { "warning" };
        format!("{} {word}: {}", remark.line, remark.reason)
    };
    remarks.sorted().iter().map(say).collect()
}

/// What is said of one line in `leases.tsv` when kim and lee have their blocks.
fn of_lease(line: &str) -> Vec<String> {
    let imported = lines(&[KIM, LEE], &[line]);
    said(&imported.of_leases)
}

#[test]
fn a_lease_says_what_its_line_says() {
    let imported = lines(
        &[KIM],
        &[
            "10.254.0.33\tkim\tdemo-cp\tcluster-cp\t2025-03-03T01:20:00Z",
            "10.254.0.34\tkim\tdemo-worker-1\tcluster-worker\t2025-03-03T01:20:01Z",
            "10.254.0.35\tkim\tweb\tvm\t2025-03-03T01:20:02Z",
        ],
    );
    assert_eq!(said(&imported.of_allocations), [""; 0]);
    assert_eq!(said(&imported.of_leases), [""; 0]);
    let block = &imported.blocks[0].lease;
    assert_eq!(block.name(), "block.default.10.254.0.32-27");
    assert_eq!(block.spec.since.to_string(), "2025-03-03T01:12:45Z");
    let holders: Vec<_> = imported
        .addresses
        .iter()
        .map(|entry| {
            let spec = &entry.lease.spec;
            (spec.purpose, spec.holder.to_string())
        })
        .collect();
    assert_eq!(
        holders,
        [
            (Purpose::Endpoint, "Cluster user-kim/demo".to_owned()),
            (
                Purpose::Import,
                "Cluster user-kim/demo (worker-1)".to_owned()
            ),
            (Purpose::Import, "VirtualMachine user-kim/web".to_owned()),
        ]
    );
}

#[test]
fn the_last_block_holds_the_broadcast_address() {
    let imported = lines(
        &["kim\t10.254.7.224\t2025-03-03T01:12:45Z"],
        &[
            "10.254.7.254\tkim\tlast\tvm\t2025-03-03T01:20:00Z",
            "10.254.7.255\tkim\tweb\tvm\t2025-03-03T01:20:00Z",
        ],
    );
    assert_eq!(
        said(&imported.of_allocations),
        [
            "2 warning: block 10.254.7.224/27 holds the broadcast address 10.254.7.255, which is never handed out: 31 of its 32 addresses may be"
        ]
    );
    assert_eq!(
        said(&imported.of_leases),
        ["3 fault: ip: 10.254.7.255 is the broadcast address"]
    );
    assert_eq!((imported.blocks.len(), imported.addresses.len()), (1, 1));
}

#[test]
fn a_vm_named_as_a_control_plane_shares_the_clusters_lease() {
    let demo = "10.254.0.33\tkim\tdemo-cp\tcluster-cp\t2025-03-03T01:20:00Z";
    let shares = "fault: VM demo-cp shares the lease of cluster demo";
    for vm in [
        "10.254.0.33\tkim\tdemo-cp\tvm\t2025-03-04T00:00:00Z",
        "10.254.0.40\tkim\tdemo-cp\tvm\t2025-03-04T00:00:00Z",
    ] {
        for (first, second) in [(demo, vm), (vm, demo)] {
            let imported = lines(&[KIM], &[first, second]);
            let (line, of) = if first == vm { (2, 3) } else { (3, 2) };
            assert_eq!(
                said(&imported.of_leases),
                [format!(
                    "{line} {shares} on line {of}: the bastion finds leases by name"
                )]
            );
            assert_eq!(imported.addresses.len(), 1, "the cluster keeps its lease");
            assert_eq!(imported.addresses[0].text, demo);
        }
    }
    // Its own line was dropped, or is the VM's.
    let imported = lines(
        &[KIM],
        &[
            "10.254.0.33\tkim\tdemo-cp\tvm\t2025-03-04T00:00:00Z",
            "10.254.0.34\tkim\tdemo-worker-1\tcluster-worker\t2025-03-04T00:00:00Z",
        ],
    );
    assert_eq!(
        said(&imported.of_leases),
        [
            format!(
                "2 {shares}, which has a worker on line 3 and no control plane: the bastion finds leases by name"
            ),
            "3 warning: cluster demo has no line of its control plane: purging a user may drop leases of others".to_owned(),
        ]
    );
    // Another user's cluster has nothing to do with it.
    let others = "10.254.0.70\tlee\tdemo-cp\tvm\t2025-03-04T00:00:00Z";
    let imported = lines(&[KIM, LEE], &[demo, others]);
    assert_eq!(
        said(&imported.of_leases),
        [
            "3 warning: VM demo-cp would share the lease of a cluster demo; the file has no such cluster"
        ]
    );
    assert_eq!(imported.addresses.len(), 2);
}

#[test]
fn what_deleting_and_purging_users_left_is_told() {
    let imported = lines(
        &[KIM, LEE],
        &[
            "10.254.0.33\tkim\tweb\tvm\t2025-03-03T01:20:00Z",
            "10.254.0.97\tpark\tweb\tvm\t2025-03-03T01:20:00Z",
        ],
    );
    assert_eq!(
        said(&imported.of_allocations),
        [
            "3 warning: lee has block 10.254.0.64/27 and no lease: deleting a user leaves the block behind, and purging one may drop leases of others"
        ]
    );
    assert_eq!(
        said(&imported.of_leases),
        ["3 fault: ip: 10.254.0.97: user park has no block that could be imported"]
    );
    assert_eq!(imported.tenants(), ["kim", "lee"]);
}

#[test]
fn a_line_that_says_nothing_true_is_left_out() {
    const T: &str = "2025-03-03T01:20:00Z";
    for (line, reason) in [
        (
            format!("10.254.0.99\tkim\tweb\tvm\t{T}"),
            "ip: 10.254.0.99: outside of user kim's block 10.254.0.32/27",
        ),
        (
            format!("10.254.0.70\tkim\tweb\tvm\t{T}"),
            "ip: 10.254.0.70: outside of user kim's block 10.254.0.32/27, and in the block of lee",
        ),
        (
            format!("10.254.0.0\tkim\tweb\tvm\t{T}"),
            "ip: 10.254.0.0 is the network's own address",
        ),
        (
            format!("10.254.0.1\tkim\tweb\tvm\t{T}"),
            "ip: 10.254.0.1 is the gateway",
        ),
        (
            format!("10.254.0.60\tkim\tweb\tvm\t{T}"),
            "ip: 10.254.0.60 is reserved",
        ),
        (
            format!("10.254.0.9\tkim\tweb\tvm\t{T}"),
            "ip: 10.254.0.9 is in the first block, which is kept back",
        ),
        (
            format!("10.0.0.33\tkim\tweb\tvm\t{T}"),
            "ip: 10.0.0.33 is not in 10.254.0.0/21",
        ),
        (
            format!("fd00::1\tkim\tweb\tvm\t{T}"),
            "ip: fd00::1 is not in 10.254.0.0/21",
        ),
        (
            format!("FD00::1\tkim\tweb\tvm\t{T}"),
            "ip: \"FD00::1\" is written fd00::1",
        ),
        (
            format!("10.254.0.033\tkim\tweb\tvm\t{T}"),
            "ip: \"10.254.0.033\" is no address",
        ),
        (
            format!("10.254.0.33\tKim\tweb\tvm\t{T}"),
            "user: \"Kim\" is no name of at most 63 characters a-z, 0-9 and -, neither first nor last of which is a -",
        ),
        (
            format!("10.254.0.33\tkim\tweb_1\tvm\t{T}"),
            "resource_name: \"web_1\" is no name of at most 63 characters a-z, 0-9 and -, neither first nor last of which is a -",
        ),
        (
            format!("10.254.0.33\tkim\tweb\tVM\t{T}"),
            "resource_type: \"VM\" is none of vm, cluster-cp and cluster-worker",
        ),
        (
            format!("10.254.0.33\tkim\tdemo\tcluster-cp\t{T}"),
            "resource_name: a cluster-cp is named CLUSTER-cp, not \"demo\"",
        ),
        (
            format!("10.254.0.33\tkim\tdemo-worker-x\tcluster-worker\t{T}"),
            "resource_name: a cluster-worker is named CLUSTER-worker-NUMBER, not \"demo-worker-x\"",
        ),
        (
            "10.254.0.33\tkim\tweb\tvm\t2025-02-30T01:20:00Z".to_owned(),
            "allocated_at: \"2025-02-30T01:20:00Z\" is no time such as 2025-01-31T09:00:00Z",
        ),
        (
            "10.254.0.33\tkim\tweb\tvm\t2025-02-03T10:20:00+09:00".to_owned(),
            "allocated_at: \"2025-02-03T10:20:00+09:00\" is no time such as 2025-01-31T09:00:00Z",
        ),
        (
            "10.254.0.33\tkim\tweb\tvm".to_owned(),
            "has 4 columns; 5 are needed, with tabs between them: ip, user, resource_name, resource_type, allocated_at",
        ),
        (
            format!("10.254.0.33\tkim\tweb\tvm\t{T}\t"),
            "has 6 columns; 5 are needed, with tabs between them: ip, user, resource_name, resource_type, allocated_at",
        ),
        (
            format!("10.254.0.33\tkim\tweb\tvm\t{T}\r"),
            "ends with a carriage return (CRLF), which the bastion does not write",
        ),
        (" ".to_owned(), "is blank"),
        (String::new(), "is blank"),
        (
            "# x".to_owned(),
            "is a comment, which nothing could be made of",
        ),
    ] {
        assert_eq!(of_lease(&line), [format!("2 fault: {reason}")], "{line:?}");
    }
}

#[test]
fn of_lines_that_contradict_each_other_none_is_taken() {
    let imported = lines(
        &[
            "kim\t10.254.0.32\t2025-03-03T01:12:45Z",
            "lee\t10.254.0.32\t2025-03-04T01:12:45Z",
            "park\t10.254.0.64\t2025-03-04T01:12:45Z",
            "park\t10.254.0.64\t2025-03-04T01:12:45Z",
            "park\t10.254.0.96\t2025-03-05T01:12:45Z",
            "han\t10.254.0.0\t2025-03-05T01:12:45Z",
            "han\t10.254.0.129\t2025-03-05T01:12:45Z",
        ],
        &[
            "10.254.0.65\tpark\ta\tvm\t2025-03-04T01:12:45Z",
            "10.254.0.65\tpark\tb\tvm\t2025-03-04T01:12:45Z",
            "10.254.0.66\tpark\tc\tvm\t2025-03-04T01:12:45Z",
            "10.254.0.97\tpark\tc\tvm\t2025-03-04T01:12:45Z",
            "10.254.0.98\tpark\td\tvm\t2025-03-04T01:12:45Z",
            "10.254.0.98\tpark\td\tvm\t2025-03-04T01:12:45Z",
        ],
    );
    assert_eq!(
        said(&imported.of_allocations),
        [
            "2 fault: 10.254.0.32/27 is leased on line 3 as well, to Tenant lee",
            "3 fault: 10.254.0.32/27 is leased on line 2 as well, to Tenant kim",
            "5 fault: repeats line 4",
            "6 warning: park has 2 blocks by now, the first on line 4; which is allowed",
            "7 fault: block_start: 10.254.0.0/27 is the first block, which is kept back",
            "8 fault: block_start: 10.254.0.129 is no start of a block; it is in 10.254.0.128/27",
        ]
    );
    assert_eq!(
        said(&imported.of_leases),
        [
            "2 fault: 10.254.0.65 is leased on line 3 as well, to VirtualMachine user-park/b",
            "3 fault: 10.254.0.65 is leased on line 2 as well, to VirtualMachine user-park/a",
            "4 fault: c has 10.254.0.97 on line 5",
            "5 fault: c has 10.254.0.66 on line 4",
            "7 fault: repeats line 6",
        ]
    );
    assert_eq!((imported.blocks.len(), imported.addresses.len()), (2, 1));
}

#[test]
fn a_file_that_is_not_the_bastions_is_told() {
    let good = text(ALLOCATIONS.header, &[KIM]);
    let header = "# user\\tblock_start\\tallocated_at";
    for (bytes, blocks, expected) in [
        (
            good.replace(ALLOCATIONS.header, "# block_start\tuser\tallocated_at")
                .into_bytes(),
            0,
            vec![format!(
                "1 fault: the header must be \"{header}\", and is \"# block_start\\tuser\\tallocated_at\": the columns may be others, so no line of the file is read"
            )],
        ),
        (
            format!("{KIM}\n").into_bytes(),
            1,
            vec![format!("1 fault: the header \"{header}\" is missing")],
        ),
        (
            Vec::new(),
            0,
            vec![format!("1 fault: the header \"{header}\" is missing")],
        ),
        (
            good.replace('\n', "\r\n").into_bytes(),
            0,
            vec![
                "1 fault: ends with a carriage return (CRLF), which the bastion does not write"
                    .to_owned(),
                "2 fault: ends with a carriage return (CRLF), which the bastion does not write"
                    .to_owned(),
            ],
        ),
        (
            [b"\xef\xbb\xbf", good.as_bytes()].concat(),
            1,
            vec!["1 fault: begins with a byte order mark".to_owned()],
        ),
        (
            good.trim_end().as_bytes().to_vec(),
            0,
            vec!["2 fault: does not end with a line feed: it may have been cut off".to_owned()],
        ),
        (
            [good.as_bytes(), b"k\xc3\tm\n", LEE.as_bytes(), b"\n"].concat(),
            2,
            vec!["3 fault: is not UTF-8 from byte 2 on".to_owned()],
        ),
    ] {
        let leases = text(
            LEASES.header,
            &[
                "10.254.0.33\tkim\tweb\tvm\t2025-03-03T01:20:00Z",
                "10.254.0.65\tlee\tweb\tvm\t2025-03-03T01:20:00Z",
            ],
        );
        let imported = import(&bytes, leases.as_bytes());
        assert_eq!(said(&imported.of_allocations), expected);
        assert_eq!(imported.blocks.len(), blocks);
    }
}

#[test]
fn what_is_new_follows_what_was_imported() {
    let imported = lines(
        &[KIM, LEE],
        &[
            "10.254.0.40\tkim\tweb\tvm\t2025-03-03T01:20:00Z",
            "10.254.0.33\tkim\tdemo-worker-1\tcluster-worker\t2025-03-03T01:20:00Z",
            "10.254.0.36\tkim\tdemo-cp\tcluster-cp\t2025-03-03T01:20:00Z",
            "10.254.0.37\tkim\tgone\tvm\t2025-03-03T01:20:00Z",
        ],
    );
    let mut stored = stored(&imported);
    for (object, lease) in &mut stored {
        let later = "2026-01-02T03:04:05.678Z".parse().unwrap();
        match lease.spec.address.as_str() {
            // The controller has bound it: who has it since when is the same.
            "10.254.0.36" => {
                lease.spec.holder.uid = Some("uid".to_owned());
                lease.spec.since = later;
            }
            // A machine of the cluster has taken it over, which forgets the line.
            "10.254.0.33" => {
                lease.spec.purpose = Purpose::Node;
                lease.spec.holder.kind = "VSphereMachine".to_owned();
                lease.spec.holder.name = "demo-md-0-x7k2p".to_owned();
                lease.spec.holder.device = "0".to_owned();
                lease.spec.since = later;
                object.metadata.annotations = None;
            }
            "10.254.0.37" => lease.spec.state = basphere_core::ipam::State::Releasing,
            _ => {}
        }
    }
    let Files {
        leases, notices, ..
    } = files(&stored, "nodes");
    let expected = text(
        LEASES.header,
        &[
            "10.254.0.40\tkim\tweb\tvm\t2025-03-03T01:20:00Z",
            "10.254.0.36\tkim\tdemo-cp\tcluster-cp\t2025-03-03T01:20:00Z",
            "10.254.0.33\tkim\tdemo-md-0-x7k2p\tcluster-worker\t2026-01-02T03:04:05Z",
        ],
    );
    assert_eq!(leases, expected);
    assert_eq!(notices.len(), 1, "{notices:?}");
    let other = files(&stored, "other");
    assert_eq!(other.leases, text(LEASES.header, &[]));
}

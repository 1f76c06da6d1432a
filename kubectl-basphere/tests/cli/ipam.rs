//! The bastion's files in and out, tables and the map, as they are typed.

use std::path::Path;
use std::process::Command;

use crate::program::{Ran, program, run, run_reading, run_with};

/// A file of tests/bastion.
pub(crate) fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bastion");
    path.join(name).display().to_string()
}

/// Runs the program in a folder of the bastion's files, so that messages name them as people do.
pub(crate) fn in_folder(folder: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new(program());
    command.current_dir(file(folder));
    run_with(command, arguments, "")
}

/// The verb and the files of both lists.
pub(crate) const FILES: [&str; 6] = [
    "import",
    "ipam",
    "--allocations",
    "allocations.tsv",
    "--leases",
    "leases.tsv",
];

/// The manifests of the good files.
fn manifests() -> String {
    let ran = in_folder(".", &[&FILES[..], &["--config", "config.yaml"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.out
}

#[test]
fn all_manifests_come_out_of_good_files() {
    let more = [
        "--config",
        "config.yaml",
        "--specs",
        "specs.yaml",
        "--identity",
        "site",
        "--thumbprint",
        "6D:1C",
        "--cluster-type",
        "standard",
        "--node-spec",
        "small",
    ];
    let ran = in_folder(".", &[&FILES[..], &more].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!("import", ran.out);
    insta::assert_snapshot!(ran.err, @r#"
warning: Site: the files name no networks inside of clusters; spec.clusterNetwork.pods and services are empty
warning: allocations.tsv:4: block 10.254.7.224/27 holds the broadcast address 10.254.7.255, which is never handed out: 31 of its 32 addresses may be
blocks: 3, addresses: 6, tenants: 3, faulty lines: 0
"#);
}

#[test]
fn every_faulty_line_is_listed_and_the_rest_is_printed() {
    let ran = in_folder(
        "faulty",
        &[&FILES[..], &["--config", "../config.yaml"]].concat(),
    );
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(ran.err, @r#"
warning: no Site is made without --specs
warning: config.yaml: quotas.default is left out, since there is no Site to say it
warning: allocations.tsv:4: block 10.254.7.224/27 holds the broadcast address 10.254.7.255, which is never handed out: 31 of its 32 addresses may be
warning: allocations.tsv:5: choi has block 10.254.0.96/27 and no lease: deleting a user leaves the block behind, and purging one may drop leases of others
error: allocations.tsv:6: block_start: 10.254.0.0/27 is the first block, which is kept back
error: allocations.tsv:7: block_start: 10.254.0.130 is no start of a block; it is in 10.254.0.128/27
error: allocations.tsv:8: 10.254.0.160/27 is leased on line 9 as well, to Tenant kang
error: allocations.tsv:9: 10.254.0.160/27 is leased on line 8 as well, to Tenant im
warning: allocations.tsv:10: lee has 2 blocks by now, the first on line 3; which is allowed
error: allocations.tsv:11: repeats line 2
error: allocations.tsv:12: is blank
error: allocations.tsv:13: block_start: 10.9.0.32 is not in 10.254.0.0/21
error: allocations.tsv:14: user: "Seo" is no name of at most 63 characters a-z, 0-9 and -, neither first nor last of which is a -
error: allocations.tsv:15: allocated_at: "2025-02-30T09:00:00Z" is no time such as 2025-01-31T09:00:00Z
error: allocations.tsv:16: has 1 column; 3 are needed, with tabs between them: user, block_start, allocated_at
error: allocations.tsv:17: ends with a carriage return (CRLF), which the bastion does not write
error: allocations.tsv:18: is not UTF-8 from byte 2 on
error: allocations.tsv:19: is a comment, which nothing could be made of
error: allocations.tsv:20: does not end with a line feed: it may have been cut off
error: leases.tsv:3: VM demo-cp shares the lease of cluster demo on line 2: the bastion finds leases by name
error: leases.tsv:5: ip: 10.254.7.255 is the broadcast address
error: leases.tsv:6: VM prod-cp shares the lease of cluster prod, which has a worker on line 7 and no control plane: the bastion finds leases by name
warning: leases.tsv:7: cluster prod has no line of its control plane: purging a user may drop leases of others
error: leases.tsv:8: ip: 10.254.0.40: outside of user lee's block 10.254.0.64/27, 10.254.0.192/27, and in the block of kim
error: leases.tsv:9: ip: 10.254.0.1 is the gateway
error: leases.tsv:10: ip: 10.254.0.2 is reserved
error: leases.tsv:11: ip: 10.254.0.20 is in the first block, which is kept back
error: leases.tsv:12: ip: 10.254.0.0 is the network's own address
error: leases.tsv:13: 10.254.0.41 is leased on line 14 as well, to VirtualMachine user-kim/b
error: leases.tsv:14: 10.254.0.41 is leased on line 13 as well, to VirtualMachine user-kim/a
error: leases.tsv:15: c has 10.254.0.43 on line 16
error: leases.tsv:16: c has 10.254.0.42 on line 15
error: leases.tsv:17: resource_type: "loadbalancer" is none of vm, cluster-cp and cluster-worker
error: leases.tsv:18: resource_name: a cluster-worker is named CLUSTER-worker-NUMBER, not "demo-2"
error: leases.tsv:19: resource_name: a cluster-cp is named CLUSTER-cp, not "demo"
error: leases.tsv:20: ip: "10.254.0.047" is no address
error: leases.tsv:21: allocated_at: "2025-06-01 08:31:00" is no time such as 2025-01-31T09:00:00Z
error: leases.tsv:22: ip: 10.254.0.48: user jung has no block that could be imported, and in the block of kim
error: leases.tsv:23: has 3 columns; 5 are needed, with tabs between them: ip, user, resource_name, resource_type, allocated_at
warning: leases.tsv:24: VM solo-cp would share the lease of a cluster solo; the file has no such cluster
blocks: 5, addresses: 4, tenants: 4, faulty lines: 33
warning: what was left out is not protected: others may get these addresses; mend the lines and import again before clusters are made
"#);
    let names: Vec<_> = ran
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("  name: "))
        .collect();
    insta::assert_snapshot!(names.join("\n"), @r"
choi
kim
lee
park
nodes
block.default.10.254.0.32-27
block.default.10.254.0.64-27
block.default.10.254.7.224-27
block.default.10.254.0.96-27
block.default.10.254.0.192-27
ip.default.10.254.0.32
ip.default.10.254.0.33
ip.default.10.254.0.66
ip.default.10.254.0.50
");
}

#[test]
fn what_was_imported_is_exported_byte_for_byte() {
    let manifests = manifests();
    for (flag, name) in [
        ("--allocations", "allocations.tsv"),
        ("--leases", "leases.tsv"),
    ] {
        let ran = run_reading(&["export", "ipam", "-f", "-", flag, "-"], &manifests);
        let expected = std::fs::read_to_string(file(name)).unwrap();
        assert_eq!(
            (ran.code, ran.out, ran.err.as_str()),
            (Some(0), expected, "")
        );
    }

    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut command = Command::new(program());
        command.current_dir(folder.path());
        let ran = run_with(command, &["export", "ipam", "-f", "-"], &manifests);
        assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""));
        assert_eq!(
            ran.err,
            "allocations.tsv: 3 lines written\nleases.tsv: 6 lines written\n"
        );
        for name in ["allocations.tsv", "leases.tsv"] {
            let (is, was) = (folder.path().join(name), file(name));
            assert_eq!(std::fs::read(is).unwrap(), std::fs::read(was).unwrap());
        }
    }
}

#[test]
fn a_pool_that_is_not_there_empties_no_file() {
    let ran = run_reading(
        &[
            "export", "ipam", "-f", "-", "--pool", "other", "--leases", "-",
        ],
        &manifests(),
    );
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert_eq!(ran.err, "error: there is no AddressPool other\n");
}

#[test]
fn pools_and_leases_are_listed() {
    let manifests = manifests();
    let list = |arguments: &[&str]| {
        let ran = run_reading(&[&["ipam", "-f", "-"], arguments].concat(), &manifests);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{arguments:?}");
        ran.out
    };
    insta::assert_snapshot!(list(&[]), @r"
POOL    DOMAIN    CIDR            FREE   LEASED   COOLING   RESERVED
nodes   default   10.254.0.0/21   2009   6        0         33

ADDRESS           STATE   TENANT   PURPOSE   HOLDER                             SINCE
10.254.0.32       Bound   kim      import    Cluster user-kim/demo (endpoint)   2025-03-03T01:20:00Z
10.254.0.33       Bound   kim      import    Cluster user-kim/demo (worker-1)   2025-03-03T01:20:01Z
10.254.0.34       Bound   kim      import    Cluster user-kim/demo (worker-2)   2025-03-03T01:20:01Z
10.254.0.35       Bound   kim      import    VirtualMachine user-kim/build      2025-05-09T11:00:00Z
10.254.0.64       Bound   lee      import    VirtualMachine user-lee/web        2025-03-04T02:05:00Z
10.254.7.254      Bound   park     import    VirtualMachine user-park/db        2025-06-01T08:31:00Z
10.254.0.32/27    Bound   kim      block     Tenant kim                         2025-03-03T01:12:45Z
10.254.0.64/27    Bound   lee      block     Tenant lee                         2025-03-04T02:00:00Z
10.254.7.224/27   Bound   park     block     Tenant park                        2025-06-01T08:30:00Z
");
    insta::assert_snapshot!(list(&["--tenant", "lee", "-o", "wide"]), @r"
POOL    DOMAIN    CIDR            FREE   LEASED   COOLING   RESERVED   GATEWAY      BLOCKS   TENANTS   REUSE AFTER
nodes   default   10.254.0.0/21   2009   6        0         33         10.254.0.1   /27      3         30m

ADDRESS          STATE   TENANT   PURPOSE   HOLDER                        SINCE                  POOL    OWNER   NAME
10.254.0.64      Bound   lee      import    VirtualMachine user-lee/web   2025-03-04T02:05:00Z   nodes   -       ip.default.10.254.0.64
10.254.0.64/27   Bound   lee      block     Tenant lee                    2025-03-04T02:00:00Z   nodes   -       block.default.10.254.0.64-27
");
    let json: serde_json::Value = serde_json::from_str(&list(&["-o", "json"])).unwrap();
    assert_eq!(
        (&json["kind"], json["items"].as_array().unwrap().len()),
        (&"List".into(), 10)
    );
    // What is listed can be listed again.
    let yaml = list(&["-o", "yaml"]);
    assert_eq!(
        run_reading(&["ipam", "-f", "-", "-o", "yaml"], &yaml).out,
        yaml
    );

    let ran = run_reading(&["ipam", "-f", "-", "--pool", "node"], &manifests);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (
            Some(1),
            "error: there is no AddressPool node; there are: nodes\n"
        )
    );
}

#[test]
fn the_pool_is_drawn_plain_where_nobody_asks_for_colour() {
    let manifests = manifests();
    let plain = run_reading(&["ipam", "map", "-f", "-"], &manifests);
    assert_eq!((plain.code, plain.err.as_str()), (Some(0), ""));
    let rows: Vec<_> = plain.out.lines().collect();
    assert_eq!(rows.len(), 1 + 64 + 2);
    assert_eq!(
        rows[2],
        "10.254.0.32   IIII............................  kim"
    );
    assert_eq!(
        rows[64],
        "10.254.7.224  ..............................I-  park"
    );
    assert!(!plain.out.contains('\u{1b}'), "{}", plain.out);
    let draw = |more: &[&str]| {
        let arguments = [&["ipam", "map", "nodes", "-f", "-"], more].concat();
        run_reading(&arguments, &manifests).out
    };
    assert_eq!(draw(&["--no-color"]), plain.out);
    assert!(draw(&["--color", "always"]).contains("\u{1b}[1m\u{1b}[36mE\u{1b}[0m"));
}

#[test]
fn what_is_missing_is_said() {
    let allocations = file("allocations.tsv");
    let leases = file("leases.tsv");
    let import = |more: &[&str]| {
        let files = [
            "import",
            "ipam",
            "--allocations",
            &allocations,
            "--leases",
            &leases,
        ];
        run(&[&files[..], more].concat())
    };
    let ran = import(&[]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("--config <FILE>"), "{}", ran.err);

    let ran = import(&["--pool", "nodes"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let config = std::fs::read_to_string(file("config.yaml")).unwrap();
    for (from, to, reason) in [
        ("  cidr: 10.254.0.0/21\n", "", "network.cidr is missing"),
        (
            "  block_size: 32\n",
            "",
            "network.block_size, the number of addresses of a block, is missing",
        ),
        (
            "block_size: 32",
            "block_size: 33",
            "network.block_size: 33 addresses are no block; it must be a power of two",
        ),
        (
            "block_size: 32",
            "block_size: 2048",
            "AddressPool nodes would not be valid:\n  spec.blockSize: 21 is not between 22 and 31; it is the length of a block's prefix, 27 for blocks of 32 addresses",
        ),
        (
            "netmask: 255.255.248.0",
            "netmask: 255.255.255.0",
            "network.prefix_length is 21, and network.netmask is /24",
        ),
        (
            "  namespace_prefix: user-\n",
            "",
            "management_cluster.namespace_prefix is missing; name it by --namespace-prefix",
        ),
        (
            "gateway: 10.254.0.1",
            "gateway: none",
            "network.gateway: invalid IP address syntax",
        ),
    ] {
        assert!(config.contains(from), "{from}");
        write("config.yaml", &config.replace(from, to));
        let config = path("config.yaml");
        let ran = import(&["--config", &config]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{from}");
        assert_eq!(ran.err, format!("error: {config}: {reason}\n"));
    }
}

#[test]
fn a_site_is_made_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let config = std::fs::read_to_string(file("config.yaml")).unwrap();
    let config = config
        .replace("  server: vcenter.corp.example\n", "")
        .replace("kube-v1.28.0", "latest");
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, config).unwrap();
    let specs = folder.path().join("specs.yaml");
    std::fs::write(&specs, "vm_specs: {}\ncluster_types: {}\n").unwrap();
    let more = [
        "--config",
        path.to_str().unwrap(),
        "--specs",
        specs.to_str().unwrap(),
    ];
    let ran = in_folder(".", &[&FILES[..], &more].concat());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(!ran.out.contains("kind: Site"), "{}", ran.out);
    assert!(ran.out.contains("kind: AddressPool"), "{}", ran.out);
    let missing = "error: no Site can be made; missing are: cluster_node_specs of specs.yaml (vm_specs are sizes of VMs, not of nodes); cluster_types of specs.yaml; vsphere.server of config.yaml; --kubernetes-version, which is not told by the name of the template \"ubuntu-2204-latest\"\n";
    assert!(ran.err.contains(missing), "{}", ran.err);
}

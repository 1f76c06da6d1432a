//! Files at random, right and broken.

use proptest::prelude::*;

use super::{ALLOCATIONS, Imported, LEASES, files, import, pool, stored, text};

/// Files without a fault: blocks of some users, and resources with addresses in them, in any order.
fn good() -> impl Strategy<Value = (String, String)> {
    let times = 0_i64..2_000_000_000;
    let blocks = prop::collection::btree_map(1_u32..64, (0_usize..5, times.clone()), 0..8);
    let leases = prop::collection::btree_map(0_u32..2048, (0_u8..3, times, any::<u32>()), 0..40);
    (blocks, leases).prop_map(|(blocks, leases)| {
        let time = |seconds: i64| basphere_core::Timestamp::from_second(seconds).unwrap();
        let user = |number: usize| ["kim", "lee", "park", "a", "x-1"][number];
        let address = |at: u32| std::net::Ipv4Addr::from_bits(0x0afe_0000 + at).to_string();
        let offered = |at: u32| pool().offers(address(at).parse().unwrap());
        let mut allocations: Vec<_> = blocks
            .iter()
            .map(|(block, (number, since))| {
                let start = address(block * 32);
                (
                    *since,
                    format!("{}\t{start}\t{}", user(*number), time(*since)),
                )
            })
            .collect();
        // By time, which is at random: neither by user nor by address.
        allocations.sort();
        let mut lines: Vec<_> = leases
            .into_iter()
            .filter(|(at, _)| offered(*at))
            .filter_map(|(at, (kind, since, place))| {
                let user = user(blocks.get(&(at / 32))?.0);
                let resource = match kind {
                    0 => format!("c{at}-cp\tcluster-cp"),
                    1 => format!("c-worker-{at}\tcluster-worker"),
                    _ => format!("vm{at}\tvm"),
                };
                let text = format!("{}\t{user}\t{resource}\t{}", address(at), time(since));
                Some((place, text))
            })
            .collect();
        lines.sort();
        let file = |header, lines: Vec<&str>| text(header, &lines);
        (
            file(
                ALLOCATIONS.header,
                allocations.iter().map(|(_, line)| line.as_str()).collect(),
            ),
            file(
                LEASES.header,
                lines.iter().map(|(_, line)| line.as_str()).collect(),
            ),
        )
    })
}

fn again(imported: &Imported) -> (String, String) {
    let files = files(&stored(imported), "nodes");
    (files.allocations, files.leases)
}

proptest! {
    #[test]
    fn what_comes_in_goes_out((allocations, leases) in good()) {
        let imported = import(allocations.as_bytes(), leases.as_bytes());
        let faults = (imported.of_allocations.faulty_lines(), imported.of_leases.faulty_lines());
        prop_assert_eq!(faults, (0, 0), "{:?} {:?}", imported.of_allocations, imported.of_leases);
        prop_assert_eq!(again(&imported), (allocations, leases));
    }

    /// Whatever is done to a file: either it comes out as it came in, or the faulty lines are told,
    /// and the rest comes out in its order.
    #[test]
    fn nothing_is_lost_silently(
        (allocations, leases) in good(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"\t\n\r 0129a-#\xff:".to_vec()), any::<bool>()), 1..4),
    ) {
        let mut bytes = leases.into_bytes();
        for (at, byte, is_inserted) in changes {
            let at = at.index(bytes.len());
            if is_inserted { bytes.insert(at, byte) } else { bytes[at] = byte }
        }
        let imported = import(allocations.as_bytes(), &bytes);
        let (_, written) = again(&imported);
        if imported.of_leases.faulty_lines() == 0 {
            prop_assert_eq!(written.as_bytes(), bytes.as_slice());
        } else {
            let mut left = bytes.split(|byte| *byte == b'\n');
            for line in written.lines().skip(1) {
                prop_assert!(left.any(|found| found == line.as_bytes()), "{line:?}");
            }
        }
    }
}

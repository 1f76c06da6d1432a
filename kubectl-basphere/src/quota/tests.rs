//! What bars and their notes say.

use basphere_core::quota::{Line, Report, Set};

use super::bars;

fn line(used: u64, reserved: u64, limit: Option<u64>) -> Line {
    Line {
        account: "kim".to_owned(),
        measure: "nodes".to_owned(),
        used,
        reserved,
        limit,
        ..Line::default()
    }
}

fn draw(lines: Vec<Line>) -> String {
    let report = Report {
        tenant: "kim".to_owned(),
        lines,
        ..Report::default()
    };
    let mut out = anstream::StripStream::new(Vec::new());
    bars::write(&report, &mut out).unwrap();
    String::from_utf8(out.into_inner()).unwrap()
}

#[test]
fn a_bar_tells_used_reserved_and_left() {
    let bar = |used, reserved, limit| {
        let text = draw(vec![line(used, reserved, Some(limit))]);
        text.split_whitespace().nth(3).unwrap().to_owned()
    };
    for (used, reserved, limit, expected) in [
        (6, 0, 10, "[######----]"),
        (6, 2, 10, "[####++----]"),
        (0, 0, 10, "[----------]"),
        // Whatever there is some of is seen, and only what is full looks full.
        (1, 0, 1000, "[#---------]"),
        (1, 1, 1000, "[+---------]"),
        (999, 0, 1000, "[#########-]"),
        (999, 1, 1000, "[########+-]"),
        (10, 0, 10, "[##########]"),
        (12, 0, 10, "[##########]"),
        (10, 10, 10, "[++++++++++]"),
        (0, 0, 0, "[##########]"),
        (u64::MAX, 0, u64::MAX - 1, "[##########]"),
    ] {
        assert_eq!(
            bar(used, reserved, limit),
            expected,
            "{used} {reserved} {limit}"
        );
    }
}

#[test]
fn lines_stand_under_their_account_with_what_is_known_of_the_limit() {
    let group = Line {
        account: "research".to_owned(),
        shared: true,
        soft: Some(30),
        ..line(40, 0, None)
    };
    let clusters = Line {
        measure: "clusters".to_owned(),
        set: Some(Set {
            by: Some("root".to_owned()),
            reason: "a course".to_owned(),
            expires: Some("2026-12-31T00:00:00Z".parse().unwrap()),
        }),
        ..line(5, 1, Some(4))
    };
    let of_cluster = Line {
        measure: "nodesPerCluster".to_owned(),
        which: Some("user-kim/demo".to_owned()),
        soft: Some(8),
        ..line(3, 0, Some(10))
    };
    let vcpus = Line {
        measure: "vcpus".to_owned(),
        ..line(12, 0, None)
    };
    insta::assert_snapshot!(draw(vec![group, clusters, of_cluster, vcpus]), @r"
Group research, shared with others
  nodes                  [##########] 40    soft limit 30, exceeded by 10
Tenant kim
  clusters               [#########+] 5/4   exceeded by 1; 1 reserved; set by root until 2026-12-31T00:00:00Z: a course
  nodes of cluster demo  [###-------] 3/10  soft limit 8
  vCPUs                               12    not limited
");
}

#[test]
fn who_has_nothing_reads_so() {
    assert_eq!(
        draw(Vec::new()),
        "Tenant kim uses nothing, and nothing is limited.\n"
    );
}

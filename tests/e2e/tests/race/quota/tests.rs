//! The judge itself: what it must not let pass.

use serde_json::{Value, json};

use super::judge::judge;
use super::refusals::{Claim, claims};
use crate::etcd::Change;
use crate::objects::Kind;
use crate::refusals::{Asked, Refusal};

/// kim, who may have so many machines, and whose ledger has so many stored and promised ones.
fn tenant(revision: i64, limit: u64, stored: Option<u64>, promised: Option<u64>) -> Change {
    let mut entry = json!({"kind": "MachineDeployment", "namespace": "user-kim", "name": "a"});
    if let Some(stored) = stored {
        entry["stored"] = json!({"replicas": stored});
    }
    if let Some(promised) = promised {
        entry["pending"] = json!([{"ask": {"replicas": promised}}]);
    }
    let has_entry = stored.or(promised).is_some();
    let entries = if has_entry {
        json!({"uid-a": entry})
    } else {
        json!({})
    };
    let tenant = json!({
        "spec": {"quotas": [{"limits": {"nodes": limit}}]},
        "status": {"ledger": {"entries": entries}},
    });
    change(revision, Kind::Tenant, "kim", tenant)
}

fn deployment(revision: i64, replicas: u64) -> Change {
    let deployment = json!({
        "kind": "MachineDeployment",
        "metadata": {"namespace": "user-kim", "name": "a", "uid": "uid-a"},
        "spec": {"replicas": replicas},
    });
    change(revision, Kind::MachineDeployment, "user-kim/a", deployment)
}

fn change(revision: i64, kind: Kind, key: &str, object: Value) -> Change {
    Change {
        revision,
        resource: kind.path().to_owned(),
        key: key.to_owned(),
        object: Some(object),
    }
}

fn broken(history: &[Change]) -> Vec<String> {
    judge(history, &[]).broken
}

fn refused(used: u64) -> Vec<Claim> {
    claims(&Refusal {
        code: "BSP-Q003".to_owned(),
        message: format!(
            "spec.replicas: Forbidden: quota kim: nodes requested +2, used {used}, limit 4, exceeded by 1; \
             none is left; kubectl basphere quota explain [BSP-Q003]"
        ),
        asked: Asked::default(),
        revisions: (1, 2),
    })
}

#[test]
fn what_is_promised_is_stored_and_seen_breaks_no_promise() {
    let history = [
        tenant(1, 4, None, Some(3)),
        deployment(2, 3),
        tenant(3, 4, Some(3), None),
    ];
    assert_eq!(broken(&history), Vec::<String>::new());
}

#[test]
fn a_promise_beyond_the_limit_is_told() {
    let told = broken(&[tenant(1, 4, None, Some(5))]);
    assert_eq!(
        told.first().map(String::as_str),
        Some("revision 1: kim is charged 5 nodes after 0, its limit is 4")
    );
}

#[test]
fn what_was_not_promised_is_told() {
    let told = broken(&[tenant(1, 4, None, Some(1)), deployment(2, 3)]);
    assert_eq!(
        told.first().map(String::as_str),
        Some("revision 2: kim has 3 nodes, and is charged 1")
    );
}

#[test]
fn after_a_limit_was_lowered_nothing_more_is_promised() {
    let lowered = [
        tenant(1, 4, None, Some(3)),
        tenant(2, 2, None, Some(3)),
        deployment(3, 3),
        tenant(4, 2, Some(3), None),
    ];
    assert_eq!(broken(&lowered), Vec::<String>::new());
    let grown = [lowered.as_slice(), &[tenant(5, 2, Some(3), Some(4))]].concat();
    assert!(
        broken(&grown)
            .contains(&"revision 5: kim is charged 4 nodes after 3, its limit is 2".to_owned())
    );
}

#[test]
fn what_is_left_in_a_ledger_is_told() {
    let told = broken(&[tenant(1, 4, Some(3), None)]);
    assert!(
        told.iter().any(|what| what.contains("left (uid-a)")),
        "{told:?}"
    );
    let told = broken(&[tenant(1, 4, None, Some(3)), deployment(2, 3)]);
    assert!(
        told.iter().any(|what| what.contains("promises")),
        "{told:?}"
    );
}

#[test]
fn a_refusal_without_a_reason_is_told() {
    let full = [tenant(1, 4, Some(3), None), deployment(2, 3)];
    let untrue = |verdict: &[String]| verdict.iter().any(|what| what.contains("without a reason"));
    let claims = refused(3);
    assert_eq!(claims.len(), 1);
    assert!(!untrue(&judge(&full, &claims).broken));
    let empty = [tenant(1, 4, None, None), tenant(3, 4, None, None)];
    assert!(untrue(&judge(&empty, &claims).broken));
}

use basphere_core::Timestamp;
use basphere_core::ipam::{Holder, LeaseSpec, Purpose, Slot, SlotKind, State};

use super::*;

const NAME: &str = "ip.lan.10.0.0.5";

/// A lease of a machine, as it is stored at a revision; empty while it is only asked for.
fn lease(revision: &str) -> Lease {
    let slot = Slot::address("lan", "10.0.0.5".parse().unwrap());
    let spec = LeaseSpec {
        kind: SlotKind::Address,
        domain: String::new(),
        address: String::new(),
        pool: "nodes".to_owned(),
        tenant: "kim".to_owned(),
        purpose: Purpose::Node,
        holder: Holder {
            kind: "VSphereMachine".to_owned(),
            namespace: "user-kim".to_owned(),
            name: "a".to_owned(),
            ..Holder::default()
        },
        owner: None,
        state: State::Reserved,
        since: Timestamp::UNIX_EPOCH,
    };
    let uid = if revision.is_empty() { "" } else { "uid" };
    Lease {
        resource_version: revision.to_owned(),
        uid: uid.to_owned(),
        ..Lease::new(slot, spec)
    }
}

/// The version that a book knows.
fn known(book: &Book) -> Option<String> {
    let ledger = book.ledger();
    ledger.get(NAME).map(|lease| lease.resource_version.clone())
}

fn listed(revision: u64, leases: &[Lease]) -> Listed {
    Listed {
        revision,
        leases: leases.to_vec(),
    }
}

fn is_noted(book: &Book) -> bool {
    book.ledger().get(NAME).is_some_and(Lease::is_noted)
}

#[test]
fn what_was_not_stored_is_taken_back() {
    let book = Book::default();
    drop(book.note(&[Claim::Create(lease(""))]).unwrap());
    assert_eq!(known(&book), None);
    book.observe(lease("7"));
    drop(book.note(&[Claim::Replace(lease("7"))]).unwrap());
    assert_eq!(known(&book).as_deref(), Some("7"));
}

#[test]
fn a_note_is_taken_back_by_nobody_else() {
    let book = Book::default();
    let first = book.note(&[Claim::Create(lease(""))]).unwrap();
    // It was stored, and another review uses it already when the first one ends.
    book.observe(lease("44"));
    let second = book.note(&[Claim::Replace(lease("44"))]).unwrap();
    drop(first);
    assert!(is_noted(&book));
    drop(second);
    assert_eq!(known(&book).as_deref(), Some("44"));
}

#[test]
fn old_news_end_no_note() {
    let book = Book::default();
    book.observe(lease("44"));
    let noted = book.note(&[Claim::Replace(lease("44"))]).unwrap();
    book.observe(lease("43"));
    book.replace(
        &Selection::Tenant("kim".to_owned()),
        listed(50, &[lease("44")]),
    );
    assert!(is_noted(&book));
    book.observe(lease("51"));
    assert!(!is_noted(&book));
    drop(noted);
    assert_eq!(known(&book).as_deref(), Some("51"));
}

#[test]
fn what_was_deleted_does_not_come_back_with_a_note() {
    let list = |book: &Book| book.replace(&Selection::Name(NAME.to_owned()), listed(50, &[]));
    let event = |book: &Book| book.forget(NAME, "uid");
    for deleted in [list as fn(&Book), event] {
        let book = Book::default();
        book.observe(lease("44"));
        let noted = book.note(&[Claim::Replace(lease("44"))]).unwrap();
        deleted(&book);
        assert_eq!(known(&book), None);
        drop(noted);
        assert_eq!(known(&book), None);
    }
}

#[test]
fn what_is_asked_for_is_in_no_list_yet() {
    let book = Book::default();
    let noted = book.note(&[Claim::Create(lease(""))]).unwrap();
    book.replace(&Selection::Name(NAME.to_owned()), listed(50, &[]));
    book.forget(NAME, "uid-of-a-namesake");
    assert!(is_noted(&book));
    let error = book.note(&[Claim::Create(lease(""))]).unwrap_err();
    assert_eq!(error, Hindrance::Noted(NAME.to_owned()));
    drop(noted);
    assert_eq!(known(&book), None);
}

#[test]
fn what_was_deleted_stays_so_whatever_comes_late() {
    let book = Book::default();
    book.observe(lease("44"));
    book.forget(NAME, "uid");
    book.observe(lease("43"));
    assert_eq!(known(&book), None);
    book.replace(
        &Selection::Name(NAME.to_owned()),
        listed(44, &[lease("44")]),
    );
    assert_eq!(known(&book), None);
}

#[test]
fn a_namesake_is_not_forgotten() {
    let book = Book::default();
    book.observe(Lease {
        uid: "uid-of-a-namesake".to_owned(),
        ..lease("46")
    });
    book.forget(NAME, "uid");
    assert_eq!(known(&book).as_deref(), Some("46"));
}

#[test]
fn what_has_changed_cannot_be_noted() {
    let book = Book::default();
    let error = book.note(&[Claim::Replace(lease("44"))]).unwrap_err();
    assert_eq!(error, Hindrance::Changed);
    book.observe(lease("45"));
    for claim in [Claim::Create(lease("")), Claim::Replace(lease("44"))] {
        assert_eq!(book.note(&[claim]).unwrap_err(), Hindrance::Changed);
    }
    assert_eq!(known(&book).as_deref(), Some("45"));
}

use std::pin::pin;
use std::sync::Mutex;

use basphere_core::quota::{Ask, Limits, Override, TenantSpec, Wants};
use basphere_core::{Kind, SiteSpec};

use super::*;
use crate::table::poll;

/// One Tenant, which somebody else writes at the moment of the first write.
struct Contended {
    stored: Mutex<Record>,
    theirs: Mutex<Option<Record>>,
}

impl Tenants for Contended {
    async fn get(&self, _name: &str) -> Result<Option<Record>, StoreError> {
        Ok(Some(self.stored.lock().unwrap().clone()))
    }

    async fn create(&self, _name: &str) -> Result<Record, StoreError> {
        Err(StoreError::Conflict)
    }

    async fn mark(&self, record: &Record) -> Result<Record, StoreError> {
        self.write(record).await
    }

    async fn write(&self, record: &Record) -> Result<Record, StoreError> {
        let mut stored = self.stored.lock().unwrap();
        if let Some(theirs) = self.theirs.lock().unwrap().take() {
            *stored = theirs;
            return Err(StoreError::Conflict);
        }
        *stored = record.clone();
        Ok(record.clone())
    }

    fn namespaces(&self, _account: &str) -> BTreeSet<String> {
        ["user-kim", "user-lee"].map(str::to_owned).into()
    }

    async fn objects(&self, namespace: &str) -> Result<Vec<Observed>, StoreError> {
        Ok(vec![stored(namespace, 1, "1")])
    }
}

/// Somebody removed the Tenant.
struct Gone;

impl Tenants for Gone {
    async fn get(&self, _name: &str) -> Result<Option<Record>, StoreError> {
        Ok(None)
    }

    async fn create(&self, _name: &str) -> Result<Record, StoreError> {
        Err(StoreError::Conflict)
    }

    async fn mark(&self, _record: &Record) -> Result<Record, StoreError> {
        Err(StoreError::Conflict)
    }

    async fn write(&self, _record: &Record) -> Result<Record, StoreError> {
        Err(StoreError::Conflict)
    }

    fn namespaces(&self, _account: &str) -> BTreeSet<String> {
        BTreeSet::new()
    }

    async fn objects(&self, _namespace: &str) -> Result<Vec<Observed>, StoreError> {
        Ok(Vec::new())
    }
}

/// The least that a Site may say.
fn site() -> Site {
    let spec: SiteSpec = serde_json::from_str(include_str!("../../../tests/site.json")).unwrap();
    Site::try_from(spec).unwrap()
}

/// A deployment as it is stored.
fn stored(namespace: &str, machines: u64, resource_version: &str) -> Observed {
    Observed {
        kind: Kind::MachineDeployment,
        namespace: namespace.to_owned(),
        name: "old".to_owned(),
        uid: format!("uid-of-{namespace}"),
        resource_version: resource_version.to_owned(),
        ask: Ask {
            replicas: machines,
            ..Ask::default()
        },
        is_made: false,
    }
}

/// kim, who may have ten machines and has so many.
fn kim(machines: u64, resource_version: &str) -> Record {
    let mut ledger = Ledger {
        namespaces: ["user-kim".to_owned()].into(),
        ..Ledger::default()
    };
    ledger.see(&stored("user-kim", machines, resource_version));
    let set = Override {
        limits: Limits {
            nodes: Some(10),
            ..Limits::default()
        },
        ..Override::default()
    };
    Record {
        account: Arc::new(Account {
            is_unreadable: false,
            name: "kim".to_owned(),
            spec: TenantSpec {
                quotas: vec![set],
                ..TenantSpec::default()
            },
            ledger: Some(ledger),
        }),
        resource_version: resource_version.to_owned(),
        ..Record::default()
    }
}

fn deployment(name: &str, machines: u64) -> Order {
    let ask = Ask {
        replicas: machines,
        ..Ask::default()
    };
    Order::Charge {
        charge: Box::new(Charge {
            tenant: "kim".to_owned(),
            kind: Kind::MachineDeployment,
            namespace: "user-kim".to_owned(),
            name: name.to_owned(),
            uid: format!("uid-{name}"),
            stored: None,
            wants: Wants::All(Box::new(ask)),
            path: "spec.replicas".to_owned(),
            is_forced: false,
        }),
        is_group: false,
    }
}

/// Settles orders while somebody else writes that kim's old machines have become so many.
fn settled(becoming: u64, orders: &[Order]) -> Vec<Outcome> {
    let tenants = Contended {
        stored: Mutex::new(kim(4, "1")),
        theirs: Mutex::new(Some(kim(becoming, "2"))),
    };
    let cashier = Cashier::new(tenants, Arc::default());
    let site = site();
    let settling = pin!(cashier.settle(&site, "kim", orders, Timestamp::UNIX_EPOCH));
    let mut settling = settling;
    poll(&mut settling, 16).unwrap()
}

fn is_refused(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused(_))
}

/// A number alone does not say how large its machines are: of an object that the ledger does not know, nobody
/// can tell what it asks for, and it is refused as it is when it is looked at first.
#[test]
fn a_number_is_not_charged_over_an_object_that_nobody_knows() {
    let scale = |uid: &str| {
        let mut order = deployment("old", 0);
        if let Order::Charge { charge, .. } = &mut order {
            charge.wants = Wants::Replicas(6);
            charge.stored = Some(("1".to_owned(), Wants::Replicas(4)));
            charge.uid = uid.to_owned();
        }
        order
    };
    let orders = [scale("uid-of-another"), scale("uid-of-user-kim")];
    let outcomes = settled(4, &orders);
    assert_eq!(outcomes, [Outcome::NotReady, Outcome::Done]);
}

#[test]
fn nobody_is_refused_for_what_others_would_have_been_given() {
    // After the first 9 machines are used, which were never written; then 5 are.
    let orders = [deployment("a", 5), deployment("b", 3)];
    assert_eq!(settled(0, &orders), [Outcome::Done, Outcome::Done]);
}

#[test]
fn who_was_refused_over_what_is_stored_is_not_asked_again() {
    let orders = [deployment("a", 7), deployment("b", 3)];
    let outcomes = settled(0, &orders);
    assert!(is_refused(&outcomes[0]), "4 and 7 are more than 10");
    assert_eq!(outcomes[1], Outcome::Done);
}

#[test]
fn who_was_let_in_over_an_older_ledger_is_asked_again() {
    let outcomes = settled(8, &[deployment("a", 5)]);
    assert!(is_refused(&outcomes[0]), "8 and 5 are more than 10");
}

#[test]
fn a_ledger_opens_with_all_namespaces_of_its_account() {
    let mut fresh = kim(0, "1");
    Arc::make_mut(&mut fresh.account).ledger = None;
    let tenants = Contended {
        stored: Mutex::new(fresh),
        theirs: Mutex::new(None),
    };
    let cashier = Cashier::new(tenants, Arc::default());
    let (now, grace) = (Timestamp::UNIX_EPOCH, Delay::seconds(60));
    let mut opening = pin!(cashier.accounts("kim", Some("user-kim"), false, now, grace));
    let accounts = poll(&mut opening, 16).unwrap().unwrap();
    let ledger = accounts[0].ledger.as_ref().unwrap();
    let used = ledger.used().of(&basphere_core::quota::Measure::Nodes);
    assert_eq!(
        used, 2,
        "what is stored in user-lee counts from the beginning"
    );
    assert!(ledger.covers("user-lee"), "{:?}", ledger.namespaces);
}

/// What a controller makes of what was charged before is let in in any case, also in the moment in which its Tenant
/// is removed; the next ledger counts it.
#[test]
fn without_a_tenant_only_what_must_pass_passes() {
    let forced = match deployment("made", 1) {
        Order::Charge { charge, is_group } => Order::Charge {
            charge: Box::new(Charge {
                is_forced: true,
                ..*charge
            }),
            is_group,
        },
        book @ Order::Book(_) => book,
    };
    let orders = [deployment("new", 1), forced];
    let cashier = Cashier::new(Gone, Arc::default());
    let site = site();
    let mut settling = pin!(cashier.settle(&site, "kim", &orders, Timestamp::UNIX_EPOCH));
    assert_eq!(
        poll(&mut settling, 16).unwrap(),
        [Outcome::NotReady, Outcome::Done]
    );
}

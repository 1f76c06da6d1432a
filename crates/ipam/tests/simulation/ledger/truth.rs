//! What is stored, counted from scratch; and what must hold of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use basphere_core::Kind;
use basphere_core::quota::{Account, Ledger, Measure, Observed};
use basphere_ipam::accounts::Record;

use super::model::{Asked, GRACE, Object, PATIENCE, World, is_template, key_of};
use super::setting;
use crate::course::Millis;

/// So much of each measure.
type Demand = BTreeMap<Measure, u64>;

/// What all objects of an account's namespaces ask for.
fn demand(world: &World, account: &str) -> Demand {
    let objects = world.objects_of(account).into_iter();
    let objects: Vec<_> = objects
        .map(|object| (&*object.observed, object.kept_vcpus))
        .collect();
    count(&objects)
}

/// What these objects ask for, each with the size that its machines have in any case.
fn count(objects: &[(&Observed, u64)]) -> Demand {
    // Machines of a topology are told twice: by the Cluster, and by what is made of it.
    let mut pools: BTreeMap<String, Demand> = BTreeMap::new();
    let mut all = Demand::new();
    for (object, kept) in objects.iter().filter(|(object, _)| !object.is_made) {
        let (namespace, ask) = (&object.namespace, &object.ask);
        let cluster_of = |name: &str| format!("{namespace}/{name}");
        if object.kind == Kind::Cluster {
            add(&mut all, Measure::Clusters, 1);
            add(&mut all, Measure::Addresses, 1);
            for group in &ask.groups {
                let cluster = cluster_of(&object.name);
                let most = group.replicas.max(group.most.unwrap_or(0));
                let vcpus = group.size.map_or(0, |size| size.cpus);
                let made = machines(most, vcpus, group.name.is_empty(), Some(&cluster));
                raise(&mut pools, format!("{cluster}/{}", group.name), made);
            }
        } else if !is_template(object.kind) {
            let is_control_plane = object.kind == Kind::KubeadmControlPlane;
            let cluster = cluster_name(objects, object).map(|name| cluster_of(&name));
            let vcpus = vcpus(objects, object, *kept);
            let most = ask.replicas.max(ask.most.unwrap_or(0));
            let made = machines(most, vcpus, is_control_plane, cluster.as_deref());
            let pool = match (&ask.group, &cluster) {
                (Some(group), Some(cluster)) => format!("{cluster}/{group}"),
                _ => object.uid.clone(),
            };
            raise(&mut pools, pool, made);
        }
    }
    for (measure, amount) in pools.into_values().flatten() {
        add(&mut all, measure, amount);
    }
    all
}

fn add(demand: &mut Demand, measure: Measure, amount: u64) {
    if amount > 0 {
        *demand.entry(measure).or_default() += amount;
    }
}

fn raise(pools: &mut BTreeMap<String, Demand>, pool: String, made: Demand) {
    let known = pools.entry(pool).or_default();
    for (measure, amount) in made {
        let known = known.entry(measure).or_default();
        *known = amount.max(*known);
    }
}

fn machines(most: u64, vcpus: u64, is_control_plane: bool, cluster: Option<&str>) -> Demand {
    let mut demand = Demand::new();
    add(&mut demand, Measure::Nodes, most);
    add(&mut demand, Measure::Addresses, most);
    add(&mut demand, Measure::Vcpus, most * vcpus);
    if let Some(cluster) = cluster {
        add(&mut demand, Measure::NodesOf(cluster.to_owned()), most);
    }
    if is_control_plane {
        add(&mut demand, Measure::ControlPlaneNodes, most);
    } else {
        add(&mut demand, Measure::NodePools, 1);
    }
    demand
}

/// A control plane may be told by the Cluster alone.
fn cluster_name(objects: &[(&Observed, u64)], object: &Observed) -> Option<String> {
    if object.ask.cluster.is_some() || object.kind != Kind::KubeadmControlPlane {
        return object.ask.cluster.clone();
    }
    let refers = |other: &&(&Observed, u64)| {
        other.0.namespace == object.namespace
            && other.0.ask.control_plane.as_ref() == Some(&object.name)
    };
    let cluster = objects.iter().find(refers);
    cluster.map(|(cluster, _)| cluster.name.clone())
}

/// The size of an object's machines: that of its template, or what that once was.
fn vcpus(objects: &[(&Observed, u64)], object: &Observed, kept: u64) -> u64 {
    let Some(template) = &object.ask.template else {
        return 0;
    };
    let is_it = |other: &&(&Observed, u64)| {
        other.0.namespace == object.namespace
            && is_template(other.0.kind)
            && other.0.name == template.name
    };
    let found = objects.iter().find(is_it);
    let size = found.and_then(|(template, _)| template.ask.size);
    size.map_or(kept, |size| size.cpus.max(kept))
}

/// What is stored does not tell the size of machines whose template is gone, or was larger: they go, too.
pub(crate) fn drop_what_is_larger(world: &mut World) {
    let is_larger = |object: &&Object| {
        let observed = &object.observed;
        observed.ask.template.as_ref().is_some_and(|template| {
            let name = template.name.clone();
            let key = (
                Kind::VSphereMachineTemplate,
                observed.namespace.clone(),
                name,
            );
            let size = world.objects.get(&key).map(|it| it.observed.ask.size);
            let cpus = size.map(|size| size.map_or(0, |size| size.cpus));
            cpus.is_none_or(|cpus| cpus < object.kept_vcpus)
        })
    };
    let objects = world.objects.values().filter(is_larger);
    let keys: Vec<_> = objects.map(|object| key_of(&object.observed)).collect();
    for key in keys {
        world.remove(&key);
    }
}

/// The accounts that a request is charged to, as they are.
pub(crate) fn books(world: &World, asked: &Asked) -> Vec<Arc<Account>> {
    let names = world.charged_for(&asked.key.1).into_iter();
    names
        .filter_map(|name| world.tenant(&name))
        .map(|record| record.account)
        .collect()
}

/// What was given already may be had again as long as it is on the books, also above a limit that was lowered
/// since: what was promised and refused elsewhere, or what has shrunk and is not booked yet.
fn was_booked(books: &[Arc<Account>], account: &str, measure: &Measure, amount: u64) -> bool {
    let books = books.iter().filter(|book| book.name == account);
    let mut ledgers = books.filter_map(|book| book.ledger.as_ref());
    ledgers.any(|ledger| ledger.used().of(measure) >= amount)
}

/// The accounts as they are, without what this request was promised: the size of a template that is gone may have
/// come onto the books by late news while it was asked for.
fn books_besides(world: &World, asked: &Asked) -> Vec<Arc<Account>> {
    let mut books = books(world, asked);
    for book in &mut books {
        if let Some(ledger) = &mut Arc::make_mut(book).ledger {
            ledger.entries.remove(&asked.uid);
        }
    }
    books
}

/// Stores what was admitted. Nothing that is charged and grows may grow beyond the limits that were in
/// force while it was asked for.
pub(crate) fn store(world: &mut World, asked: &Asked, since: Millis, books: &[Arc<Account>]) {
    let accounts = world.charged_for(&asked.key.1);
    let before: Vec<Demand> = accounts.iter().map(|name| demand(world, name)).collect();
    let books = [books, &books_besides(world, asked)].concat();
    world.put(asked.object(), false);
    for (account, before) in accounts.iter().zip(before) {
        // A controller is let in while nothing is counted: that is known once it is booked.
        if asked.is_forced && !is_charged(world, account, asked) {
            world.course.count("forced uncharged");
            world.excuse(account, 0, "it was let in uncharged");
        }
        let Some(why) = grown_beyond(world, (account, &books), &before, since) else {
            continue;
        };
        if asked.is_forced {
            world.course.count("forced beyond a limit");
            world.excuse(account, 0, "it was forced");
        } else if world.is_excused(account, since) {
            world.course.count("excused");
        } else {
            world.course.fail(format!("{asked:?} was stored: {why}"));
        }
    }
}

fn is_charged(world: &World, account: &str, asked: &Asked) -> bool {
    let Some(record) = world.tenant(account) else {
        return false;
    };
    let ledger = record.account.ledger.as_ref();
    let entry = ledger.and_then(|ledger| ledger.entries.get(&asked.uid));
    entry.is_some_and(|entry| entry.asks().any(|ask| *ask == asked.new))
}

fn grown_beyond(
    world: &World,
    (account, books): (&str, &[Arc<Account>]),
    before: &Demand,
    since: Millis,
) -> Option<String> {
    let after = demand(world, account);
    let limits = world.limits_since(account, since);
    after.into_iter().find_map(|(measure, amount)| {
        let before = before.get(&measure).copied().unwrap_or(0);
        let limit = limits.iter().map(|(_, limits)| limits.of(&measure));
        // None is no limit.
        let limit = limit.map(|limit| limit.unwrap_or(u64::MAX)).max()?;
        let is_over = amount > before && amount > limit;
        (is_over && !was_booked(books, account, &measure, amount))
            .then(|| format!("{account} has {amount} {measure}, limit {limit}"))
    })
}

/// Whether a request would keep to all limits, when nothing else is under way.
pub(crate) fn would_fit(world: &World, asked: &Asked) -> bool {
    let new = asked.object();
    let old = world.objects.get(&asked.key);
    let is_same = |old: &&Object| old.observed.ask.template == new.ask.template;
    let kept = old.filter(is_same).map_or(0, |old| old.kept_vcpus);
    let accounts = world.charged_for(&new.namespace);
    accounts.iter().all(|account| {
        let own = world.objects_of(account).into_iter();
        let before: Vec<_> = own.map(|it| (&*it.observed, it.kept_vcpus)).collect();
        let others = before.iter().filter(|(it, _)| key_of(it) != asked.key);
        let with: Vec<_> = others.copied().chain([(&new, kept)]).collect();
        let (before, after) = (count(&before), count(&with));
        let Some((_, limits)) = world.limits_since(account, world.course.now).last() else {
            return true;
        };
        after.iter().all(|(measure, amount)| {
            let grows = before.get(measure).is_none_or(|before| before < amount);
            !grows || limits.of(measure).is_none_or(|limit| *amount <= limit)
        })
    })
}

/// What is promised in a tenant's ledger is promised by the groups above it already, so that of two tenants
/// one gives way before either is promised anything.
pub(crate) fn is_promised_above(world: &mut World, before: Option<&Record>, written: &Record) {
    let Some(ledger) = &written.account.ledger else {
        return;
    };
    let known = before.and_then(|record| record.account.ledger.as_ref());
    let name = &written.account.name;
    let above: Vec<String> = world
        .chain(name)
        .iter()
        .skip(1)
        .map(|it| it.name.clone())
        .collect();
    for group in above {
        let record = world.tenant(&group);
        let Some(of_group) = record.and_then(|record| record.account.ledger.clone()) else {
            continue;
        };
        let excused = world.is_excused(&group, world.course.now) || of_group.reopened.is_some();
        if let Some(uid) = unpromised(world, ledger, known, &of_group)
            && !excused
        {
            world
                .course
                .fail(format!("{name} is promised {uid} before {group} is"));
        }
    }
}

fn unpromised(
    world: &World,
    ledger: &Ledger,
    known: Option<&Ledger>,
    above: &Ledger,
) -> Option<String> {
    let mut entries = ledger.entries.iter();
    let found = entries.find(|(uid, entry)| {
        let before = known.and_then(|known| known.entries.get(*uid));
        // Of a number alone each ledger promises what it knows the rest to be.
        let is_above = |over: &str| {
            let entry = above.entries.get(*uid);
            entry.is_some_and(|entry| entry.pending.iter().any(|known| known.over == over))
        };
        let has_moved_on = |over: &str| {
            let entry = above.entries.get(*uid);
            entry.is_some_and(|entry| entry.stored.is_some() && entry.seen != over)
        };
        // It cannot come true any more, and whoever keeps the ledger above knows already.
        let is_gone = |over: &str| {
            let mut objects = world.objects.values();
            !over.is_empty() && !objects.any(|object| object.observed.uid == **uid)
        };
        above.covers(&entry.namespace)
            && entry.pending.iter().any(|pending| {
                let is_new = before.is_none_or(|before| !before.pending.contains(pending));
                let age = world.course.timestamp().duration_since(pending.since);
                let is_young = age.as_millis() < i128::from(GRACE - PATIENCE);
                // Who made it is a matter of what a controller is let in with, charged or not.
                let is_asked = is_new && is_young && pending.ask.group.is_none();
                let is_settled = has_moved_on(&pending.over) || is_gone(&pending.over);
                is_asked && !is_settled && !is_above(&pending.over)
            })
    });
    found.map(|(uid, _)| uid.clone())
}

/// When nothing has happened for long, every ledger is what is stored, and nothing is promised.
pub(crate) fn when_quiet(world: &mut World) {
    for name in setting::ACCOUNTS {
        let namespaces = world.namespaces.keys();
        let own: BTreeSet<&str> = namespaces
            .map(String::as_str)
            .filter(|namespace| world.is_charged(namespace, name))
            .collect();
        let record = world.tenant(name);
        let Some(ledger) = record.and_then(|record| record.account.ledger.clone()) else {
            if !own.is_empty() {
                world.course.fail(format!("{name} has no ledger"));
            }
            continue;
        };
        let covered: BTreeSet<&str> = ledger.namespaces.iter().map(String::as_str).collect();
        if covered != own {
            let why = format!("the ledger of {name} covers {covered:?}, not {own:?}");
            return world.course.fail(why);
        }
        let mut pending = ledger.entries.values().filter(|it| !it.pending.is_empty());
        if let Some(entry) = pending.next() {
            let why = format!("{name} is still promised {entry:?}");
            return world.course.fail(why);
        }
        let used = ledger.used();
        let used = used.iter().filter(|(_, amount)| *amount > 0);
        let used: Demand = used.map(|(it, amount)| (it.clone(), amount)).collect();
        let stored = demand(world, name);
        if used != stored {
            return world
                .course
                .fail(format!("{name} uses {stored:?}, its ledger says {used:?}"));
        }
    }
}

//! What clients, controllers and admins do without asking for anything, and what goes wrong.

use std::sync::Arc;

use basphere_core::Kind;
use basphere_core::quota::Override;

use super::model::{GRACE, Key, LAG, Object, PATIENCE, World};
use super::setting;
use crate::course::Millis;

fn some_object(world: &mut World) -> Option<(Key, Object)> {
    let at = world.objects.len();
    let at = world.course.random.below(at);
    let (key, object) = world.objects.iter().nth(at)?;
    Some((key.clone(), object.clone()))
}

/// An object is deleted, or goes after it was deleted.
pub(crate) fn delete(world: &mut World) {
    let Some((key, object)) = some_object(world) else {
        return;
    };
    if object.is_deleting || world.course.random.permille(600) {
        return world.remove(&key);
    }
    world.put(Arc::unwrap_or_clone(object.observed), true);
}

/// A status is written: another version, and nothing else.
pub(crate) fn write_status(world: &mut World) {
    if let Some((_, object)) = some_object(world) {
        world.put(Arc::unwrap_or_clone(object.observed), object.is_deleting);
    }
}

/// An admin changes limits, for ever or for a while.
pub(crate) fn change_limits(world: &mut World) {
    let name = setting::ACCOUNTS[world.course.random.below(setting::ACCOUNTS.len())];
    let Some(mut record) = world.tenants.get(name).cloned() else {
        return create(world, name);
    };
    let wanted = setting::spec(&mut world.course.random, name);
    let spec = &mut Arc::make_mut(&mut record.account).spec;
    if spec.quotas.is_empty() || world.course.random.permille(600) {
        spec.quotas = wanted.quotas;
    } else {
        let delay = 200 + world.course.random.below(3_000) as Millis;
        let expires = world.course.at(delay);
        spec.quotas.truncate(1);
        spec.quotas
            .extend(wanted.quotas.into_iter().map(|set| Override {
                expires: Some(expires),
                ..set
            }));
    }
    // One that the webhook made is put below its group by an admin.
    let has_moved = spec.parent != wanted.parent;
    spec.parent = wanted.parent;
    world.put_tenant(record);
    if has_moved {
        world.course.count("tenants put into a group");
        let least = GRACE + LAG + PATIENCE;
        world.excuse(
            "dept",
            least,
            "requests came while a tenant was in no group",
        );
    }
}

/// Limits that end are taken back, so that they do not end while somebody asks.
pub(crate) fn settle_limits(world: &mut World) {
    for mut record in world.tenants.clone().into_values() {
        Arc::make_mut(&mut record.account).spec.quotas.truncate(1);
        world.put_tenant(record);
    }
}

/// What an admin or a disaster does to Tenants, namespaces and objects.
pub(crate) fn upset(world: &mut World) {
    let name = setting::ACCOUNTS[world.course.random.below(setting::ACCOUNTS.len())];
    match world.course.random.below(12) {
        0..3 => lose(world, name),
        3..5 => restore(world, name),
        5..9 => renew(world, name),
        9 => give_away(world),
        10 => slip_in(world),
        _ => make_set(world),
    }
}

/// The status is wiped; the annotation stays.
fn lose(world: &mut World, name: &str) {
    let Some(mut record) = world.tenants.get(name).cloned() else {
        return;
    };
    if record.account.ledger.is_some() {
        world.course.count("ledgers lost");
        Arc::make_mut(&mut record.account).ledger = None;
        world.put_tenant(record);
    }
}

/// An older status is written back, over the same Tenant or over one that was created anew.
fn restore(world: &mut World, name: &str) {
    let Some(backup) = world.backup.take() else {
        world.backup = world.tenants.get(name).cloned();
        return;
    };
    let name = backup.account.name.clone();
    let Some(mut record) = world.tenants.get(&name).cloned() else {
        return;
    };
    if backup.account.ledger.is_none() {
        return;
    }
    world.course.count("ledgers restored");
    let is_same = record.uid == backup.uid;
    let account = Arc::make_mut(&mut record.account);
    account.ledger.clone_from(&backup.account.ledger);
    world.put_tenant(record);
    if is_same {
        // What was charged since is not known any more, and nothing shows that: a known hole.
        world.excuse(&name, GRACE, "an older ledger was written back");
    } else {
        world.course.count("ledgers restored over another Tenant");
    }
}

/// A Tenant that uses nothing is deleted, and comes back sooner or later.
fn renew(world: &mut World, name: &str) {
    let Some(record) = world.tenant(name) else {
        return create(world, name);
    };
    // As in admission: a ledger that is in use is not thrown away. Of one that is lost nothing shows what was
    // promised; who then deletes the Tenant, too, loses that it was lost.
    let ledger = record.account.ledger.as_ref();
    let is_used = ledger.is_none_or(|ledger| !ledger.is_idle());
    if is_used || setting::is_group(name) {
        return;
    }
    world.course.count("tenants created anew");
    world.remove_tenant(name);
    if world.course.random.permille(500) {
        create(world, name);
    }
}

/// An admin makes a Tenant; some still know one of its name that was in no group.
fn create(world: &mut World, name: &str) {
    let was_alone = world.was_alone(name);
    setting::create(world, name);
    if was_alone && !world.was_alone(name) {
        let why = "requests came while a tenant was in no group";
        world.excuse("dept", GRACE + LAG + PATIENCE, why);
    }
}

/// A namespace is made somebody else's.
fn give_away(world: &mut World) {
    let at = world.course.random.below(world.namespaces.len());
    let namespace = world.namespaces.keys().nth(at).cloned();
    let owner = setting::TENANTS[world.course.random.below(setting::TENANTS.len())];
    let Some(namespace) = namespace else {
        return;
    };
    world.course.count("namespaces moved");
    world.give(&namespace, owner);
    // Requests that are charged to the last owner may still be under way: a known hole. Whoever has no Tenant yet
    // may get one in the group.
    let mut accounts = world.charged_for(&namespace);
    if world.tenant(owner).is_none() && !accounts.iter().any(|account| account == "dept") {
        accounts.push("dept".to_owned());
    }
    for account in accounts {
        world.excuse(&account, GRACE + LAG + PATIENCE, "a namespace was moved");
    }
}

/// Something is stored while no webhook is asked.
fn slip_in(world: &mut World) {
    let key = setting::any(world);
    if world.objects.contains_key(&key) {
        return;
    }
    world.course.count("stored unasked");
    let ask = setting::fresh(&mut world.course.random, &key);
    let accounts = world.charged_for(&key.1);
    setting::slip_in(world, key, ask, false);
    for account in accounts {
        world.excuse(&account, 0, "something was stored without being charged");
    }
}

/// A controller makes a MachineSet of a MachineDeployment, which is charged alone.
fn make_set(world: &mut World) {
    let namespace = world.namespaces.keys().next().cloned().unwrap_or_default();
    let deployment = (
        Kind::MachineDeployment,
        namespace.clone(),
        "demo".to_owned(),
    );
    let set = (Kind::MachineSet, namespace, "demo-1".to_owned());
    if world.objects.contains_key(&set) {
        return;
    }
    if let Some(deployment) = world.objects.get(&deployment) {
        let ask = deployment.observed.ask.clone();
        setting::slip_in(world, set, ask, true);
    }
}

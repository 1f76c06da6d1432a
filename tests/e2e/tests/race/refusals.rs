//! Whether a refusal was a true one: at some revision between the request and its answer, what was
//! stored must have been as the refusal says.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::objects::Kind;
use crate::site::{BLOCKS_PER_TENANT, NODES, is_offered, offered_blocks};
use crate::state::State;

/// What was asked for, as far as a refusal is judged by it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) tenant: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    /// The address that the object named.
    pub(crate) address: Option<IpAddr>,
    /// The UID of the set that asked.
    pub(crate) owner: Option<String>,
    /// Whether it may not be there at all.
    pub(crate) is_absent: bool,
    /// Whether other clients write the same object.
    pub(crate) is_contended: bool,
}

/// One reason of a refusal that the history must bear out.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) asked: Asked,
    /// The newest revision before the request, and the newest one after its answer.
    pub(crate) revisions: (i64, i64),
}

/// What was said between two revisions, and must have been so at one of them.
pub(crate) trait Said {
    /// The newest revision before the request, and the newest one after its answer.
    fn revisions(&self) -> (i64, i64);

    /// Who was told, and what.
    fn words(&self) -> String;
}

impl Said for Refusal {
    fn revisions(&self) -> (i64, i64) {
        self.revisions
    }

    fn words(&self) -> String {
        let Asked {
            kind, name, tenant, ..
        } = &self.asked;
        format!("{kind} {name} of {tenant} was refused: {}", self.message)
    }
}

/// Looks for a revision that makes each refusal true.
#[derive(Debug)]
pub(crate) struct Truths<'a, T> {
    refusals: &'a [T],
    /// By what they begin with; of those that were not true at any revision so far.
    waiting: Vec<usize>,
    open: BTreeSet<usize>,
    untrue: Vec<usize>,
}

impl<'a, T: Said> Truths<'a, T> {
    pub(crate) fn new(refusals: &'a [T]) -> Self {
        let mut waiting: Vec<usize> = (0..refusals.len()).collect();
        let begin = |index: &usize| refusals.get(*index).map(|refusal| refusal.revisions().0);
        waiting.sort_by_key(|index| std::cmp::Reverse(begin(index)));
        Self {
            refusals,
            waiting,
            open: BTreeSet::new(),
            untrue: Vec::new(),
        }
    }

    /// Takes note of what is true until just before the revision that comes next.
    pub(crate) fn look(&mut self, next: i64, is_true: impl Fn(&T) -> bool) {
        while let Some(index) = self.waiting.last().copied() {
            let refusal = self.refusals.get(index);
            if refusal.is_none_or(|refusal| refusal.revisions().0 >= next) {
                break;
            }
            self.waiting.pop();
            self.open.insert(index);
        }
        for index in self.open.clone() {
            let Some(refusal) = self.refusals.get(index) else {
                continue;
            };
            if is_true(refusal) {
                self.open.remove(&index);
            } else if refusal.revisions().1 < next {
                self.open.remove(&index);
                self.untrue.push(index);
            }
        }
    }

    /// The refusals that were true at no revision.
    pub(crate) fn untrue(&self) -> Vec<String> {
        let all = self.untrue.iter().chain(&self.open).chain(&self.waiting);
        let refusals = all.filter_map(|index| self.refusals.get(*index));
        refusals
            .map(|refusal| {
                let (from, to) = refusal.revisions();
                format!(
                    "without a reason, between revisions {from} and {to}, {}",
                    refusal.words()
                )
            })
            .collect()
    }
}

pub(crate) fn is_true(refusal: &Refusal, state: &State) -> bool {
    let asked = &refusal.asked;
    match refusal.code.as_str() {
        "BSP-I001" => refusal.message.contains(NODES) && is_full(state, &asked.tenant),
        "BSP-I002" => is_too_much(state, asked),
        "BSP-I003" => asked
            .address
            .is_some_and(|address| is_taken(state, asked, address)),
        "BSP-I004" => asked
            .address
            .is_some_and(|address| is_not_theirs(state, asked, address)),
        "BSP-I005" => is_in_vain(state, asked),
        _ => false,
    }
}

/// No address of the tenant's blocks is free, and no further block is to be had.
fn is_full(state: &State, tenant: &str) -> bool {
    free(state, tenant) == 0
}

/// So many addresses the tenant could get now.
fn free(state: &State, tenant: &str) -> usize {
    let blocks: Vec<IpNet> = state.blocks(NODES, tenant).collect();
    let within: usize = blocks.iter().map(|block| free_within(state, *block)).sum();
    let further = BLOCKS_PER_TENANT.saturating_sub(blocks.len());
    let is_anyones = |block: &IpNet| {
        let text = block.to_string();
        state.all_blocks(NODES).any(|lease| lease.address == text)
    };
    let further = offered_blocks()
        .filter(|block| !is_anyones(block))
        .take(further);
    within
        + further
            .map(|block| free_within(state, block))
            .sum::<usize>()
}

fn free_within(state: &State, block: IpNet) -> usize {
    addresses(block)
        .filter(|address| state.of_address(*address).is_none())
        .count()
}

fn addresses(block: IpNet) -> impl Iterator<Item = IpAddr> {
    let (first, last) = match (block.network(), block.broadcast()) {
        (IpAddr::V4(first), IpAddr::V4(last)) => (u32::from(first), u32::from(last)),
        _ => (1, 0),
    };
    (first..=last)
        .map(|number| IpAddr::from(number.to_be_bytes()))
        .filter(|address| is_offered(*address))
}

/// All machines that the tenant's clusters want, one more for each control plane while it rolls, and
/// the clusters' own addresses are more than there are, cooling ones taken away.
fn is_too_much(state: &State, asked: &Asked) -> bool {
    let prefix = format!("user-{}/", asked.tenant);
    let own = |kind: Kind| {
        let groups = state.groups.iter();
        let prefix = &prefix;
        groups.filter(move |((resource, name), _)| {
            resource == kind.path() && name.starts_with(prefix.as_str())
        })
    };
    let key = |kind: Kind| (kind.path().to_owned(), format!("{prefix}{}", asked.name));
    let mut wanted = own(Kind::Cluster).count() as u64;
    // Of a control plane only when its Cluster is there, or is just being made.
    for ((_, name), replicas) in own(Kind::ControlPlane) {
        let cluster = name
            .strip_suffix(crate::objects::CONTROL_PLANE)
            .unwrap_or(name);
        let cluster = (Kind::Cluster.path().to_owned(), cluster.to_owned());
        if state.groups.contains_key(&cluster) || cluster == key(Kind::Cluster) {
            wanted += replicas + 1;
        }
    }
    if asked.kind == Kind::Cluster.kind() && !state.groups.contains_key(&key(Kind::Cluster)) {
        wanted += 1;
    }
    if asked.kind == Kind::ControlPlane.kind()
        && !state.groups.contains_key(&key(Kind::ControlPlane))
    {
        wanted += 2;
    }
    let alive = state
        .leases
        .values()
        .filter(|lease| lease.kind == "Address" && lease.pool == NODES)
        .filter(|lease| lease.tenant == asked.tenant && lease.state != "Releasing");
    wanted > (free(state, &asked.tenant) + alive.count()) as u64
}

/// Another one has the address, or had it a moment ago.
fn is_taken(state: &State, asked: &Asked, address: IpAddr) -> bool {
    let holder = format!("cluster user-{}/{}", asked.tenant, asked.name);
    // No stored Cluster says that what stands for one is its own.
    let key = (
        Kind::Cluster.path().to_owned(),
        format!("user-{}/{}", asked.tenant, asked.name),
    );
    let is_alone = asked.kind != Kind::Cluster.kind() && !state.groups.contains_key(&key);
    let lease = state.of_address(address);
    lease.is_some_and(|lease| {
        let is_other = is_alone && lease.holder_kind != asked.kind;
        lease.holder != holder || is_other || !lease.is_alive()
    })
}

/// The address is nobody's to have, or the tenant's blocks are others.
fn is_not_theirs(state: &State, asked: &Asked, address: IpAddr) -> bool {
    let mut own = state.blocks(NODES, &asked.tenant).peekable();
    let has_none = own.peek().is_none();
    let is_own = own.any(|block| block.contains(&address));
    let others = |block: IpNet| block.contains(&address);
    let is_anyones = state
        .all_blocks(NODES)
        .filter_map(|lease| lease.address.parse().ok())
        .any(others);
    !is_offered(address) || (!is_own && (!has_none || is_anyones))
}

/// The set has three reservations more than it lacks machines; or the tenant's clusters have 64 of one
/// kind that nobody was seen to carry.
fn is_in_vain(state: &State, asked: &Asked) -> bool {
    let Some(owner) = &asked.owner else {
        let of = |kind: &str| {
            let leases = state.leases.values().filter(|lease| {
                lease.tenant == asked.tenant && lease.state == "Reserved" && lease.kind == kind
            });
            let vain = leases.filter(|lease| {
                lease.owner.is_none() && !lease.was_bound && lease.holder_name != asked.name
            });
            vain.count()
        };
        return of("Range") >= 64 || of("Address") >= 64;
    };
    let of = |wanted: &str| {
        let leases = state.leases.values();
        let leases = leases.filter(|lease| lease.owner.as_ref() == Some(owner));
        let leases =
            leases.filter(|lease| lease.state == wanted && lease.holder_name != asked.name);
        leases
            .map(|lease| &lease.holder_name)
            .collect::<BTreeSet<_>>()
            .len() as u64
    };
    let wanted = state.wanted.get(owner).copied().unwrap_or(1);
    of("Reserved") >= wanted.saturating_sub(of("Bound")) + 3
}

//! `policy waivers`: the exceptions from policies, of the cluster or of files.

use std::io::Write;

use anyhow::{Context, Result, anyhow};
use basphere_api::PolicyWaiver;
use basphere_api::crd::{
    WaiverMatch, WaiverOperator, WaiverSelector, WaiverSubject, WaiverSubjectKind,
};
use basphere_core::Timestamp;
use basphere_rego::Waiver;
use serde_json::{Value, json};

use crate::cli::{Global, Listing, Waivers};
use crate::connection::Connection;
use crate::exit::{Exit, unless_closed};
use crate::ipam::{list as list_all, table};
use crate::run::print_error;
use crate::yaml::yaml;

use super::{list, loading};

/// Who has that long left should see to it.
const SOON_SECONDS: i64 = 7 * DAY;
const DAY: i64 = 24 * 60 * 60;

/// Lists the waivers of the files, or of the cluster when there are none. What cannot be read is said to `talk`.
pub(super) fn run(
    options: &Waivers,
    global: &Global,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<Exit> {
    let mut errors = Vec::new();
    let mut waivers = match options.files.is_empty() {
        true => of_cluster(global, &mut errors)?,
        false => of_files(options, &mut errors),
    };
    waivers.sort_by_key(|waiver| waiver.metadata.name.clone());
    let now = options.at.unwrap_or_else(Timestamp::now);
    let text = match options.output {
        Listing::Table => rows(&waivers, now, false),
        Listing::Wide => rows(&waivers, now, true),
        Listing::Json => format!("{}\n", serde_json::to_string_pretty(&objects(&waivers)?)?),
        Listing::Yaml => yaml(&objects(&waivers)?)?,
    };
    if text.is_empty() {
        writeln!(talk, "No PolicyWaivers found.")?;
    }
    unless_closed(write!(out, "{text}").and_then(|()| out.flush()))?;
    for error in &errors {
        print_error(error, talk);
    }
    Ok(if errors.is_empty() {
        Exit::Ok
    } else {
        Exit::Error
    })
}

/// Those of the cluster. One that waives nothing since it cannot be read is listed, and said.
fn of_cluster(global: &Global, errors: &mut Vec<anyhow::Error>) -> Result<Vec<PolicyWaiver>> {
    let cluster = Connection::of(global, "read files with -f FILE")?;
    let waivers: Vec<PolicyWaiver> = list_all(&cluster).context("cannot list PolicyWaivers")?;
    for waiver in &waivers {
        if let Err(error) = Waiver::read(&serde_json::to_value(waiver)?) {
            let name = waiver.metadata.name.as_deref().unwrap_or_default();
            errors.push(anyhow!("PolicyWaiver {name} waives nothing: {error}"));
        }
    }
    Ok(waivers)
}

fn of_files(options: &Waivers, errors: &mut Vec<anyhow::Error>) -> Vec<PolicyWaiver> {
    let mut unreadable = Vec::new();
    let objects = list::objects(&options.files, &mut unreadable);
    errors.extend(unreadable.into_iter().map(|error| anyhow!("{error}")));
    let mut waivers = Vec::new();
    for (file, object) in objects.iter().filter(|(_, it)| Waiver::is_waiver(it)) {
        let name = loading::metadata(object, "name");
        let read = Waiver::read(object).map_err(anyhow::Error::from);
        let read = read.and_then(|_| Ok(serde_json::from_value(object.clone())?));
        match read.with_context(|| format!("{file}: PolicyWaiver {name}")) {
            Ok(waiver) => waivers.push(waiver),
            Err(error) => errors.push(error),
        }
    }
    waivers
}

/// The objects as kubectl prints them: without the record of who has set which field.
fn objects(waivers: &[PolicyWaiver]) -> Result<Value> {
    let items = waivers.iter().map(|waiver| {
        let mut waiver = waiver.clone();
        waiver.metadata.managed_fields = None;
        serde_json::to_value(waiver)
    });
    let items = items.collect::<Result<Vec<_>, _>>()?;
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": items}))
}

fn rows(waivers: &[PolicyWaiver], now: Timestamp, is_wide: bool) -> String {
    let mut columns = vec!["NAME", "CONSTRAINTS", "SCOPE", "EXPIRES", "USED", "LAST"];
    if is_wide {
        columns.extend(["GRANTED BY", "REQUESTED BY"]);
    }
    columns.push("REASON");
    let rows = waivers.iter().map(|waiver| {
        let (spec, status) = (&waiver.spec, waiver.status.as_ref());
        let constraints = spec.constraints.iter();
        let constraints: Vec<_> = constraints
            .map(|it| format!("{}/{}", it.kind, it.name))
            .collect();
        let last = status.and_then(|status| status.last_used);
        let mut row = vec![
            waiver.metadata.name.clone().unwrap_or_default(),
            constraints.join(","),
            scope(spec.matches.as_ref(), &spec.subjects),
            end(spec.expires, now),
            status.map_or_else(dash, |status| status.used.to_string()),
            last.map_or_else(dash, |last| format!("{} ago", span(now, last))),
        ];
        if is_wide {
            row.push(spec.granted_by.clone());
            row.push(spec.requested_by.clone().unwrap_or_else(dash));
        }
        row.push(spec.reason.split_whitespace().collect::<Vec<_>>().join(" "));
        row
    });
    table(&columns, rows).unwrap_or_default()
}

fn dash() -> String {
    "-".to_owned()
}

/// For what and whom, such as `Pod in legacy named web-* by user kim`.
fn scope(matches: Option<&WaiverMatch>, subjects: &[WaiverSubject]) -> String {
    let mut words = Vec::new();
    let mut say = |before: &str, what: String| {
        if !what.is_empty() {
            words.push(format!("{before}{what}"));
        }
    };
    if let Some(matches) = matches {
        let kinds: Vec<_> = matches
            .kinds
            .iter()
            .flat_map(|it| &it.kinds)
            .cloned()
            .collect();
        say("", kinds.join(","));
        say("in ", matches.namespaces.join(","));
        say(
            "in namespaces of ",
            selected(matches.namespace_selector.as_ref()),
        );
        say("not in ", matches.excluded_namespaces.join(","));
        say("named ", matches.name.clone().unwrap_or_default());
        say("labelled ", selected(matches.label_selector.as_ref()));
    }
    let subjects: Vec<_> = subjects.iter().map(who).collect();
    say("by ", subjects.join(","));
    words.join(" ")
}

fn who(subject: &WaiverSubject) -> String {
    let name = &subject.name;
    match subject.kind {
        WaiverSubjectKind::User => format!("user {name}"),
        WaiverSubjectKind::Group => format!("group {name}"),
        WaiverSubjectKind::ServiceAccount => {
            let namespace = subject.namespace.as_deref().unwrap_or_default();
            format!("service account {namespace}/{name}")
        }
    }
}

/// A selector as kubectl takes one.
fn selected(selector: Option<&WaiverSelector>) -> String {
    let Some(selector) = selector else {
        return String::new();
    };
    let labels = selector.match_labels.iter();
    let labels = labels.map(|(key, value)| format!("{key}={value}"));
    let others = selector.match_expressions.iter().map(|it| {
        let (key, values) = (&it.key, it.values.join(","));
        match it.operator {
            WaiverOperator::In => format!("{key} in ({values})"),
            WaiverOperator::NotIn => format!("{key} notin ({values})"),
            WaiverOperator::Exists => key.clone(),
            WaiverOperator::DoesNotExist => format!("!{key}"),
        }
    });
    labels.chain(others).collect::<Vec<_>>().join(",")
}

/// When it ends, and how far away that is.
fn end(end: Timestamp, now: Timestamp) -> String {
    let text = end.to_string();
    let text = text.strip_suffix("T00:00:00Z").unwrap_or(&text);
    let left = end.duration_since(now).as_secs();
    if end <= now {
        format!("{text} (expired {} ago)", span(now, end))
    } else if left < SOON_SECONDS {
        format!("{text} (soon: in {})", span(end, now))
    } else {
        format!("{text} (in {})", span(end, now))
    }
}

/// How much later one time is than another, in one unit.
fn span(later: Timestamp, earlier: Timestamp) -> String {
    let seconds = later.duration_since(earlier).as_secs().max(0);
    let units = [(365 * DAY, "y"), (DAY, "d"), (60 * 60, "h"), (60, "m")];
    // Twice a unit before it is used, so that little is lost by rounding.
    let mut units = units.iter().filter(|(size, _)| seconds >= 2 * size);
    match units.next() {
        Some((size, unit)) => format!("{}{unit}", seconds / size),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_end_says_how_far_away_it_is() {
        let now = at("2026-06-01T00:00:00Z");
        for (when, shown) in [
            ("2026-06-01T00:00:00Z", "2026-06-01 (expired 0s ago)"),
            (
                "2026-05-01T12:00:00Z",
                "2026-05-01T12:00:00Z (expired 30d ago)",
            ),
            (
                "2026-06-01T00:01:40Z",
                "2026-06-01T00:01:40Z (soon: in 100s)",
            ),
            ("2026-06-07T23:59:59Z", "2026-06-07T23:59:59Z (soon: in 6d)"),
            ("2026-06-08T00:00:00Z", "2026-06-08 (in 7d)"),
            ("2030-06-01T00:00:00Z", "2030-06-01 (in 4y)"),
        ] {
            assert_eq!(end(at(when), now), shown);
        }
    }

    #[test]
    fn a_scope_reads_as_a_sentence() {
        let spec = json!({
            "kinds": [{"apiGroups": ["", "apps"], "kinds": ["Pod", "Deployment"]}],
            "namespaces": ["legacy", "old-*"],
            "excludedNamespaces": ["old-news"],
            "name": "web-*",
            "labelSelector": {"matchLabels": {"app": "web"}},
            "namespaceSelector": {"matchExpressions": [
                {"key": "team", "operator": "In", "values": ["a", "b"]},
                {"key": "env", "operator": "DoesNotExist"},
            ]},
        });
        let matches: WaiverMatch = serde_json::from_value(spec).unwrap();
        let subjects = json!([
            {"kind": "User", "name": "kim"},
            {"kind": "ServiceAccount", "namespace": "ci", "name": "*"},
        ]);
        let subjects: Vec<WaiverSubject> = serde_json::from_value(subjects).unwrap();
        let said = "Pod,Deployment in legacy,old-* in namespaces of team in (a,b),!env not in old-news named web-* \
                    labelled app=web by user kim,service account ci/*";
        assert_eq!(scope(Some(&matches), &subjects), said);
        assert_eq!(scope(None, &subjects[..1]), "by user kim");
    }
}

//! The tools that pull images and apply manifests, and how each is told what.

use super::commands::{Commands, base, is_address};
use super::shell::Word;
use super::sighting::What;

/// Flags of container tools that stand before the task, and have a value.
const GLOBAL_VALUES: [&str; 18] = [
    "--address",
    "--config",
    "--connect-timeout",
    "--context",
    "--host",
    "--image-endpoint",
    "--log-level",
    "--namespace",
    "--root",
    "--runtime-endpoint",
    "--timeout",
    "--url",
    "-H",
    "-a",
    "-c",
    "-i",
    "-n",
    "-r",
];
/// Flags of pulling that have a value.
const PULL_VALUES: [&str; 18] = [
    "--annotation",
    "--arch",
    "--auth",
    "--authfile",
    "--cert-dir",
    "--creds",
    "--hosts-dir",
    "--label",
    "--os",
    "--platform",
    "--pod-config",
    "--retry",
    "--snapshotter",
    "--tlscacert",
    "--unpack",
    "--user",
    "-a",
    "-u",
];
/// Flags of running that have none.
const RUN_FLAGS: [&str; 15] = [
    "--cap-add-all",
    "--detach",
    "--init",
    "--interactive",
    "--net-host",
    "--no-healthcheck",
    "--oom-kill-disable",
    "--privileged",
    "--publish-all",
    "--quiet",
    "--read-only",
    "--replace",
    "--rm",
    "--tty",
    "--with-ns",
];
const INSTALLERS: [&str; 5] = ["cilium", "flux", "istioctl", "k0s", "linkerd"];

/// Looks for tools among the words of a command.
pub(super) fn find(commands: &mut Commands<'_>, words: &[Word]) {
    for (index, word) in words.iter().enumerate() {
        let name = word.known().map(base).unwrap_or_default();
        let arguments = words.get(index.saturating_add(1)..).unwrap_or_default();
        match name {
            "ctr" | "crictl" | "nerdctl" | "docker" | "podman" | "buildah" => {
                return containers(commands, name, arguments);
            }
            "kubectl" | "oc" => return kubectl(commands, arguments),
            "kustomize" => return kustomize(commands, arguments),
            "helm" => return helm(commands, arguments),
            "skopeo" | "crane" | "oras" | "regctl" => return copies(commands, arguments),
            name if INSTALLERS.contains(&name) => return installer(commands, name, arguments),
            _ => {}
        }
    }
}

fn containers(commands: &mut Commands<'_>, tool: &str, arguments: &[Word]) {
    const GROUPS: [&str; 9] = [
        "c",
        "container",
        "containers",
        "content",
        "i",
        "image",
        "images",
        "run-image",
        "system",
    ];
    let mut rest = arguments;
    let task = loop {
        let (flags, after) = positional(rest, |flag| GLOBAL_VALUES.contains(&flag));
        match flags.and_then(Word::known) {
            Some(group) if GROUPS.contains(&group) => rest = after,
            Some(task) => {
                rest = after;
                break task;
            }
            None => return,
        }
    };
    match task {
        "pull" | "fetch" => pulled(commands, rest),
        "from" if tool == "buildah" => pulled(commands, rest),
        "run" | "create" if tool != "crictl" => {
            let (image, _) = positional(rest, |flag| {
                let is_bare = flag.contains('=') || RUN_FLAGS.contains(&flag);
                !(is_bare || is_bare_cluster(flag))
            });
            image.into_iter().for_each(|image| pull(commands, image));
        }
        "import" | "load" => rest.iter().for_each(|file| commands.uses(&file.shown())),
        _ => {}
    }
}

/// Whether letters behind one hyphen are flags without a value, as in `-dit`.
fn is_bare_cluster(flag: &str) -> bool {
    let letters = flag.strip_prefix('-').unwrap_or_default();
    !letters.is_empty() && letters.bytes().all(|letter| b"ditqPt".contains(&letter))
}

fn pulled(commands: &mut Commands<'_>, arguments: &[Word]) {
    let mut rest = arguments;
    while let (Some(image), after) = positional(rest, |flag| PULL_VALUES.contains(&flag)) {
        pull(commands, image);
        rest = after;
    }
}

fn pull(commands: &mut Commands<'_>, image: &Word) {
    let shown = image.shown();
    let bare = shown.strip_prefix("docker://").unwrap_or(&shown);
    commands.see(What::Image(bare.to_owned()));
}

/// The first word that is no flag and no flag's value, and what follows it.
fn positional(arguments: &[Word], has_value: impl Fn(&str) -> bool) -> (Option<&Word>, &[Word]) {
    let mut rest = arguments;
    while let Some((word, after)) = rest.split_first() {
        rest = after;
        let shown = word.shown();
        if !shown.starts_with('-') {
            return (Some(word), rest);
        }
        if has_value(&shown) {
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    (None, rest)
}

fn kubectl(commands: &mut Commands<'_>, arguments: &[Word]) {
    let has = |task: &[&str]| {
        arguments
            .iter()
            .any(|word| word.known().is_some_and(|word| task.contains(&word)))
    };
    if has(&["set"]) && has(&["image"]) {
        for argument in arguments {
            let shown = argument.shown();
            if let Some((_, image)) = shown.split_once('=').filter(|_| !shown.starts_with('-')) {
                commands.see(What::Image(image.to_owned()));
            }
        }
    }
    if !has(&["apply", "create", "kustomize", "patch", "replace"]) {
        return;
    }
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let shown = word.shown();
        let glued = ["--filename=", "--kustomize=", "-f=", "-k="]
            .iter()
            .find_map(|flag| shown.strip_prefix(flag))
            .map(str::to_owned);
        let given = match shown.as_str() {
            "-f" | "--filename" | "-k" | "--kustomize" | "kustomize" => {
                words.next().map(Word::shown)
            }
            short if glued.is_none() && !short.starts_with("--") => {
                let short = short
                    .strip_prefix("-f")
                    .or_else(|| short.strip_prefix("-k"));
                short.map(str::to_owned)
            }
            _ => glued,
        };
        for source in given.iter().flat_map(|given| given.split(',')) {
            applied(commands, source);
        }
    }
}

/// A manifest that is applied: an address, or a file.
fn applied(commands: &mut Commands<'_>, source: &str) {
    if is_remote(source) {
        commands.see(What::Source(source.to_owned()));
    } else if source.starts_with('$') && !source.contains('(') {
        commands.unseen("what it applies is not known before it runs", source);
    } else {
        commands.uses(source);
    }
}

/// Whether kubectl or kustomize would fetch this: kustomize knows the hosts of repositories by name.
fn is_remote(source: &str) -> bool {
    const HOSTS: [&str; 4] = ["bitbucket.org/", "git@", "github.com/", "gitlab.com/"];
    is_address(source)
        || source.starts_with("git::")
        || HOSTS.iter().any(|host| source.starts_with(host))
}

fn kustomize(commands: &mut Commands<'_>, arguments: &[Word]) {
    for argument in arguments {
        let shown = argument.shown();
        if is_remote(&shown) {
            commands.see(What::Source(shown));
        }
    }
}

fn helm(commands: &mut Commands<'_>, arguments: &[Word]) {
    for argument in arguments {
        let shown = argument.shown();
        let address = shown
            .split_once('=')
            .map_or(shown.as_str(), |(flag, value)| {
                if flag.starts_with("--") {
                    value
                } else {
                    &shown
                }
            });
        if let Some(chart) = address.strip_prefix("oci://") {
            commands.see(What::Image(chart.to_owned()));
        } else if is_address(address) {
            commands.see(What::Source(address.to_owned()));
        } else {
            commands.uses(address);
        }
    }
}

fn copies(commands: &mut Commands<'_>, arguments: &[Word]) {
    const TASKS: [&str; 5] = ["copy", "cp", "export", "image", "pull"];
    let mut rest = arguments;
    while let (Some(word), after) = positional(rest, |flag| PULL_VALUES.contains(&flag)) {
        rest = after;
        let is_task = word.known().is_some_and(|word| TASKS.contains(&word));
        if !is_task {
            // What it is copied to comes after, and is the machine's own.
            let shown = word.shown();
            let is_local = [
                "dir:",
                "docker-archive:",
                "docker-daemon:",
                "oci-archive:",
                "oci:",
            ]
            .iter()
            .any(|transport| shown.starts_with(transport));
            if !is_local {
                pull(commands, word);
            }
            return;
        }
    }
}

/// These have the names of their images within themselves.
fn installer(commands: &mut Commands<'_>, name: &str, arguments: &[Word]) {
    const TASKS: [&str; 4] = ["bootstrap", "install", "start", "upgrade"];
    let is_task = |word: &Word| word.known().is_some_and(|word| TASKS.contains(&word));
    if let Some(task) = arguments.iter().find(|word| is_task(word)) {
        let words = format!("{name} {}", task.shown());
        commands.unseen("it brings the names of its images itself", &words);
    }
}

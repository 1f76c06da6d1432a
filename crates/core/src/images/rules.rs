//! Which registries are the site's, and what stands in for others: [`ImageRules`] after they were checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Reference;
use super::reference::{DEFAULT_REGISTRY, Malformed, is_path, is_registry};
use crate::site::{ImageRules, SiteError};

/// The site's rules on images, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    registries: Vec<Registry>,
    sources: Vec<String>,
    /// By the registry that is stood in for, in lower case.
    rewrite: BTreeMap<String, Registry>,
}

/// A registry, or one project of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Registry {
    /// Host and port, in lower case.
    host: String,
    project: Option<String>,
}

impl Registry {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (host, project) = match text.split_once('/') {
            Some((host, project)) => (host, Some(project)),
            None => (text, None),
        };
        if !is_registry(host) {
            return Err(
                "no host name with an optional port, and optionally a project behind a slash",
            );
        }
        if !project.is_none_or(is_path) {
            return Err("the project is no path in lower case");
        }
        // Of a name without dot and port a runtime would make a project of docker.io.
        if Reference::parse(&format!("{host}/x/x")).is_ok_and(|read| read.registry() != host) {
            return Err("a registry has a dot, a port, or is localhost");
        }
        Ok(Self {
            host: host.to_ascii_lowercase(),
            project: project.map(str::to_owned),
        })
    }

    /// Whether a repository of it is one of this registry's, and project's.
    fn has(&self, registry: &str, path: &str) -> bool {
        self.host.eq_ignore_ascii_case(registry)
            && self.project.as_deref().is_none_or(|project| {
                let rest = path.strip_prefix(project);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        match &self.project {
            Some(project) => write!(f, "/{project}"),
            None => Ok(()),
        }
    }
}

/// What becomes of something that is named as an image, or as a place of images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is kept in one of the site's registries.
    Allowed,
    /// It is not, and this would be the site's name for it.
    Elsewhere(String),
    /// It names no image that a runtime would pull.
    Malformed(Malformed),
}

impl Rules {
    /// Checks rules as they are written; every problem is told at once.
    ///
    /// # Errors
    /// When a registry is none, or something would be rewritten to what is not the site's.
    pub fn check(written: &ImageRules) -> Result<Self, Vec<SiteError>> {
        let mut errors = Vec::new();
        let mut registry = |path: String, text: &str| {
            let parsed = Registry::parse(text);
            let refused = |why| errors.push(SiteError::new(path, format!("{text:?}: {why}")));
            parsed.map_err(refused).ok()
        };
        let registries = written.registries.iter().enumerate();
        let registries: Vec<_> = registries
            .filter_map(|(index, text)| registry(format!("spec.images.registries[{index}]"), text))
            .collect();
        let rewrite: Vec<_> = written
            .rewrite
            .iter()
            .filter_map(|(from, to)| {
                let path = format!("spec.images.rewrite[{from}]");
                let project = registry(path.clone(), to)?;
                Some((path, from, project))
            })
            .collect();
        if written.registries.is_empty() {
            let message = "must name one registry at the least";
            errors.push(SiteError::new("spec.images.registries", message));
        }
        for (index, source) in written.sources.iter().enumerate() {
            if !is_registry(source) {
                let path = format!("spec.images.sources[{index}]");
                let message = format!("{source:?}: no host name with an optional port");
                errors.push(SiteError::new(path, message));
            }
        }
        for (path, from, project) in &rewrite {
            check_rewrite(&registries, path, from, project, &mut errors);
            if written
                .rewrite
                .keys()
                .any(|from| project.host.eq_ignore_ascii_case(from))
            {
                let message = format!("{project} is rewritten itself");
                errors.push(SiteError::new(path, message));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let rewrite = rewrite.into_iter();
        Ok(Self {
            registries,
            sources: written
                .sources
                .iter()
                .map(|source| source.to_ascii_lowercase())
                .collect(),
            rewrite: rewrite
                .map(|(_, from, to)| (from.to_ascii_lowercase(), to))
                .collect(),
        })
    }

    /// Whether an image may be used.
    #[must_use]
    pub fn judge(&self, image: &str) -> Verdict {
        match Reference::parse(image) {
            Ok(reference) => self.judge_at(&reference, reference.path()),
            Err(malformed) => Verdict::Malformed(malformed),
        }
    }

    /// Whether images may be taken from a repository that is named without them, as kubeadm's
    /// `imageRepository` is.
    #[must_use]
    pub fn judge_repository(&self, repository: &str) -> Verdict {
        /// Whatever is pulled, a runtime reads it as one reference.
        const IMAGE: &str = "/x";
        match Reference::parse(&format!("{repository}{IMAGE}")) {
            Ok(reference) => {
                let path = reference.path().strip_suffix(IMAGE).unwrap_or_default();
                match self.judge_at(&reference, path) {
                    Verdict::Elsewhere(instead) => {
                        let instead = instead.strip_suffix(IMAGE).unwrap_or(&instead);
                        Verdict::Elsewhere(instead.to_owned())
                    }
                    other => other,
                }
            }
            Err(malformed) => Verdict::Malformed(malformed),
        }
    }

    fn judge_at(&self, reference: &Reference, path: &str) -> Verdict {
        let is_ours = |registry: &Registry| registry.has(reference.registry(), path);
        if self.registries.iter().any(is_ours) {
            return Verdict::Allowed;
        }
        let rewritten = self
            .rewritten(reference)
            .map(|reference| reference.to_string());
        let moved = || {
            self.registries
                .first()
                .map(|first| kept_at(reference, first).to_string())
        };
        Verdict::Elsewhere(rewritten.or_else(moved).unwrap_or_default())
    }

    /// Whether something may be fetched from this host, with its port where one is named.
    #[must_use]
    pub fn is_source(&self, host: &str) -> bool {
        self.is_registry(host)
            || self
                .sources
                .iter()
                .any(|source| source.eq_ignore_ascii_case(host))
    }

    /// Whether a host, with its port where one is named, is that of one of the registries.
    pub(super) fn is_registry(&self, host: &str) -> bool {
        self.registries
            .iter()
            .any(|registry| registry.host.eq_ignore_ascii_case(host))
    }

    /// The reference under which the site keeps an image, where it has a project that stands in for its registry:
    /// `nginx` becomes `harbor.corp.example:8443/docker.io/library/nginx`.
    #[must_use]
    pub fn rewrite(&self, image: &str) -> Option<String> {
        let reference = Reference::parse(image).ok()?;
        Some(self.rewritten(&reference)?.to_string())
    }

    /// The same, but nothing for an image that is the site's as it is.
    #[must_use]
    pub fn instead_of(&self, image: &str) -> Option<String> {
        match self.judge(image) {
            Verdict::Allowed => None,
            _ => self.rewrite(image),
        }
    }

    /// The same for a repository that is named without an image.
    #[must_use]
    pub fn rewrite_repository(&self, repository: &str) -> Option<String> {
        let project = self.rewrite.get(&repository.to_ascii_lowercase());
        if let Some(project) = project {
            return Some(project.to_string());
        }
        let reference = Reference::parse(&format!("{repository}/x")).ok()?;
        let rewritten = self.rewritten(&reference)?.to_string();
        rewritten.strip_suffix("/x").map(str::to_owned)
    }

    fn rewritten(&self, reference: &Reference) -> Option<Reference> {
        let project = self
            .rewrite
            .get(&reference.registry().to_ascii_lowercase())?;
        Some(kept_at(reference, project))
    }

    /// Hosts, with their ports, of the projects that stand in for others. What is kept there is never rewritten.
    #[must_use]
    pub fn stand_ins(&self) -> BTreeSet<&str> {
        let projects = self.rewrite.values();
        projects.map(|project| project.host.as_str()).collect()
    }

    /// Whether anything is rewritten.
    #[must_use]
    pub fn rewrites(&self) -> bool {
        !self.rewrite.is_empty()
    }

    /// The first of the registries, as an example.
    pub(super) fn first(&self) -> String {
        self.registries
            .first()
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    /// Whether every image whose name begins so is one of the site's.
    pub(super) fn has_beginning(&self, beginning: &str) -> bool {
        let Some((host, path)) = beginning.split_once('/') else {
            return false;
        };
        self.registries.iter().any(|registry| {
            let project = registry.project.as_deref();
            let is_within = project.is_none_or(|project| path.starts_with(&format!("{project}/")));
            registry.host.eq_ignore_ascii_case(host) && is_within
        })
    }

    /// "a, b and c": the hosts that something may be fetched from.
    pub(super) fn sources_offered(&self) -> String {
        let registries = self.registries.iter().map(|registry| &registry.host);
        crate::subjects::enumeration(registries.chain(&self.sources))
    }

    /// "a, b and c": the registries, as people are told of them.
    pub(super) fn offers(&self) -> String {
        crate::subjects::enumeration(self.registries.iter().map(ToString::to_string))
    }
}

fn kept_at(reference: &Reference, registry: &Registry) -> Reference {
    reference.kept_at(&registry.host, registry.project.as_deref())
}

/// What is rewritten must be let in, and not be rewritten again.
fn check_rewrite(
    registries: &[Registry],
    path: &str,
    from: &str,
    project: &Registry,
    errors: &mut Vec<SiteError>,
) {
    let mut refuse = |message: String| errors.push(SiteError::new(path, message));
    let is_named = from == DEFAULT_REGISTRY || Registry::parse(from).is_ok();
    if !is_named || from.contains('/') {
        refuse(format!("{from:?} is no registry"));
    }
    let below = project.project.as_deref().unwrap_or_default();
    if !registries
        .iter()
        .any(|registry| registry.has(&project.host, below))
    {
        refuse(format!("{project} is none of spec.images.registries"));
    }
}

//! Images of the site's registries only, wherever one can hide.

mod commands;
mod encodings;
mod pass;
mod payloads;
mod places;
mod pods;
mod properties;
mod references;
mod resource_sets;
mod rewrite;
mod rules;

use basphere_core::site::ImageRules;
use basphere_core::{ApiVersion, Decision, Kind, SiteSpec};
use serde_json::{Value, json};

use crate::world::{World, example, site_spec};

pub(crate) const HARBOR: &str = "harbor.corp.example:8443";

pub(crate) fn rules() -> ImageRules {
    ImageRules {
        registries: vec![HARBOR.to_owned()],
        sources: vec!["mirror.corp.example".to_owned()],
        ..ImageRules::default()
    }
}

/// The same, with a project for each of the large registries.
pub(crate) fn rewriting() -> ImageRules {
    let registries = ["docker.io", "quay.io", "registry.k8s.io", "ghcr.io"];
    let project = |from: &&str| ((*from).to_owned(), format!("{HARBOR}/{from}"));
    ImageRules {
        rewrite: registries.iter().map(project).collect(),
        ..rules()
    }
}

pub(crate) fn spec_with(images: ImageRules) -> SiteSpec {
    SiteSpec {
        images: Some(images),
        ..site_spec()
    }
}

/// A site that says nothing of images.
pub(crate) fn without_rules() -> World {
    World::with_site(SiteSpec {
        images: None,
        ..site_spec()
    })
}

/// The example cluster without its control plane, on a site with rules on images.
pub(crate) fn world(version: ApiVersion) -> World {
    world_with(version, rules())
}

pub(crate) fn world_with(version: ApiVersion, images: ImageRules) -> World {
    let mut world = World::with_site(spec_with(images));
    let objects = example("cluster", version);
    world.apply_all(&objects[..2]);
    world
}

/// The example's object of a kind.
pub(crate) fn of_kind(kind: Kind, version: ApiVersion) -> Value {
    let mut objects = example("cluster", version).into_iter();
    let wanted = objects.find(|object| object["kind"] == kind.as_str());
    wanted.expect("one of that kind")
}

/// A control plane with this in its configuration, and a repository of the site.
pub(crate) fn control_plane(version: ApiVersion, config: &Value) -> Value {
    let mut object = of_kind(Kind::KubeadmControlPlane, version);
    let own = json!({"spec": {"kubeadmConfigSpec": {
        "clusterConfiguration": {"imageRepository": format!("{HARBOR}/kubernetes")},
        "preKubeadmCommands": [],
        "postKubeadmCommands": [],
    }}});
    json_patch::merge(&mut object, &own);
    json_patch::merge(&mut object, &json!({"spec": {"kubeadmConfigSpec": config}}));
    object
}

/// What is said of the images of an object: code, path, value and text of each finding.
pub(crate) fn said(decision: &Decision) -> Vec<(String, String, String, String)> {
    let findings = decision.denials.iter().chain(&decision.warnings);
    let of_images = findings.filter(|finding| finding.code.as_str().starts_with("BSP-M"));
    of_images
        .map(|finding| {
            let value = finding.value.as_str().unwrap_or_default().to_owned();
            let code = finding.code.as_str().to_owned();
            (code, finding.path.clone(), value, finding.text())
        })
        .collect()
}

/// The same of a control plane with this in its configuration, in both versions.
pub(crate) fn said_of(config: &Value) -> Vec<(String, String, String, String)> {
    let mut both = ApiVersion::CLUSTER_API.into_iter().map(|version| {
        let decision = world(version).admit(&control_plane(version, config));
        let is_refused = said(&decision)
            .iter()
            .any(|(code, ..)| code.as_str() <= "BSP-M004");
        assert_eq!(
            decision.is_allowed(),
            !is_refused,
            "{:#?}",
            decision.denials
        );
        said(&decision)
    });
    let first = both.next().expect("one version");
    assert!(both.all(|other| other == first), "{first:?}");
    first
}

/// Codes, paths and values.
pub(crate) fn short(said: &[(String, String, String, String)]) -> Vec<(&str, &str, &str)> {
    let short = said.iter();
    short
        .map(|(code, path, value, _)| (code.as_str(), path.as_str(), value.as_str()))
        .collect()
}

/// The end of a path in a control plane's configuration.
pub(crate) fn at(field: &str) -> String {
    format!("spec.kubeadmConfigSpec.{field}")
}

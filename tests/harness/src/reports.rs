//! The CRDs of reports that other programs show, out of the Go modules of those who define them (both Apache-2.0).

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Who defines reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportCrds {
    /// `openreports.io/v1alpha1`.
    OpenReports,
    /// `wgpolicyk8s.io/v1alpha2`, which serves `v1alpha1` as well.
    PolicyReports,
}

/// A module at a version, by its checksum, and the folder with the definitions.
struct Source {
    module: &'static str,
    sum: &'static str,
    folder: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Download {
    dir: PathBuf,
    sum: String,
}

impl ReportCrds {
    fn source(self) -> Source {
        match self {
            Self::OpenReports => Source {
                module: "github.com/openreports/reports-api@v0.2.1",
                sum: "h1:g9KS3yle9Y1elmww4TK9EkD1rl6inIaiIJPX6e+u680=",
                folder: "config/crd",
            },
            Self::PolicyReports => Source {
                module: "sigs.k8s.io/wg-policy-prototypes@v0.0.0-20230505033312-51c21979086a",
                sum: "h1:tbASfGvbUgbwsJuh9T0+IZ0hhUNOkryo9Vquv1vjw+o=",
                folder: "policy-report/crd/v1alpha2",
            },
        }
    }

    /// The folder with the definitions, as YAML files that kubectl takes. The first time on a machine it is downloaded.
    ///
    /// # Errors
    /// When Go cannot download the module, or it is not the one that we know.
    pub fn directory(self) -> Result<PathBuf> {
        let source = self.source();
        let output = Command::new("go")
            .args(["mod", "download", "-json", source.module])
            // Where there is no go.mod that would have a say in it.
            .current_dir(std::env::temp_dir())
            .env("GOWORK", "off")
            .output()
            .context("running go: it is needed for the CRDs of reports")?;
        ensure!(
            output.status.success(),
            "go mod download failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let download: Download = serde_json::from_slice(&output.stdout)?;
        ensure!(
            download.sum == source.sum,
            "{} has the checksum {}",
            source.module,
            download.sum
        );
        Ok(download.dir.join(source.folder))
    }
}

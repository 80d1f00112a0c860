//! Cargo.lock: every crate, where it is from, and its checksum.

use std::{error::Error, fs, path::Path};

use serde::Deserialize;

/// The only place that crates are from.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[derive(Debug, Deserialize)]
struct Lock {
    package: Vec<Package>,
}

/// A crate that is not the workspace's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    source: Option<String>,
    /// SHA-256 of the crate's file.
    pub(super) checksum: Option<String>,
}

/// Every crate but the workspace's own.
pub(super) fn read(root: &Path) -> Result<Vec<Package>, Box<dyn Error>> {
    let lock: Lock = toml::from_str(&fs::read_to_string(root.join("Cargo.lock"))?)?;
    Ok(lock.package.into_iter().filter(|package| package.source.is_some()).collect())
}

/// Crates that are from elsewhere, or that nobody could check.
pub(super) fn sources(packages: &[Package]) -> Vec<String> {
    let wrong = packages.iter().filter_map(|package| {
        let Package { name, version, source, checksum } = package;
        let source = source.as_deref().unwrap_or_default();
        if source != CRATES_IO {
            return Some(format!("`{name}` {version} is from `{source}`, not from crates.io"));
        }
        checksum.is_none().then(|| format!("`{name}` {version} has no checksum in Cargo.lock"))
    });
    wrong.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_from_elsewhere_is_found() {
        let package = |source: &str, checksum: Option<&str>| Package {
            name: "a".to_owned(),
            version: "1.0.0".to_owned(),
            source: Some(source.to_owned()),
            checksum: checksum.map(str::to_owned),
        };
        assert_eq!(sources(&[package(CRATES_IO, Some("00"))]), [""; 0]);
        assert_eq!(sources(&[package(CRATES_IO, None)]).len(), 1);
        assert_eq!(sources(&[package("git+https://example.com/a", Some("00"))]).len(), 1);
    }
}

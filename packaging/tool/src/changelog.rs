//! The Debian changelog: one entry, for what was packaged.

use std::process::Command;

use anyhow::{Context, ensure};

use crate::package::Package;

/// Revision of the packages of one version.
pub const REVISION: &str = "1";

/// The changelog of a package at a time in seconds since 1970.
pub fn changelog(package: &Package, epoch: u64) -> anyhow::Result<String> {
    let date = Command::new("date")
        .args(["--utc", "--rfc-email", &format!("--date=@{epoch}")])
        .env("LC_ALL", "C")
        .output()
        .context("cannot start date")?;
    ensure!(date.status.success(), "date: {}", String::from_utf8_lossy(&date.stderr));
    let date = String::from_utf8(date.stdout).context("a date is ASCII")?;
    Ok(format!(
        "{} ({}-{REVISION}) stable; urgency=medium\n\n  \
         * Built from version {}; its CHANGELOG.md tells what is new.\n\n \
         -- {}  {}\n",
        package.deb.name,
        package.version,
        package.version,
        package.deb.maintainer,
        date.trim()
    ))
}

//! See [`packager`].

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;
use packager::{changelog, image, licences, manual, package, rpm, workspace};

/// Makes what the packages hold beside the programs, and tells what they hold.
#[derive(Debug, Parser)]
enum Arguments {
    /// Writes man pages, completions, copyright, licences, changelogs and rpm tables
    Stage {
        /// Where to
        folder: PathBuf,
        /// Target triple that the programs are built for
        #[arg(long)]
        target: String,
        /// The time that goes into the packages, in seconds since 1970
        #[arg(long, env = "SOURCE_DATE_EPOCH")]
        epoch: u64,
    },
    /// Prints the packages: crate, its folder, package
    List,
    /// Prints the files that a role's image gets
    Image {
        /// Which kind of machine
        #[arg(value_parser = image::ROLES)]
        role: String,
    },
}

fn main() -> anyhow::Result<()> {
    let packages = package::packages()?;
    match Arguments::parse() {
        Arguments::Stage { folder, target, epoch } => {
            manual::write_all(&workspace().join("packaging/man"), &folder)?;
            for package in &packages {
                stage(package, &folder.join(&package.deb.name), &target, epoch)
                    .with_context(|| package.deb.name.clone())?;
            }
        }
        Arguments::List => {
            for package in &packages {
                let folder = package.folder.strip_prefix(workspace())?.display();
                println!("{} {folder} {}", package.crate_name, package.deb.name);
            }
        }
        Arguments::Image { role } => {
            let image = image::resolve(&workspace().join("packaging/images"), &role, &packages)?;
            for file in image.files {
                println!("{}", file.display());
            }
        }
    }
    Ok(())
}

fn stage(
    package: &package::Package,
    folder: &Path,
    target: &str,
    epoch: u64,
) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let write = |name: &str, content: String| {
        let path = folder.join(name);
        std::fs::write(&path, content).with_context(|| path.display().to_string())
    };
    let linked = licences::linked(&package.crate_name, target)?;
    write("copyright", licences::copyright(package))?;
    write("third-party", licences::texts(&linked)?)?;
    write("changelog.Debian", changelog::changelog(package, epoch)?)?;
    write("rpm.toml", rpm::table(package))
}

//! Who may import whom: the house has floors, and imports go down only.

use super::manifest::{Dependency, dependencies};
use super::{Finding, SourceFile};

/// Which floor each crate lives on.
const FLOORS: &[(&str, u8)] = &[
    ("lingpai-core", 1),
    ("lingpai-wechat", 2),
    ("lingpai-store", 2),
    ("lingpai-server", 3),
    ("lingpai-sandbox", 3),
    ("lingpai", 3),
    ("lingpai-cli", 4),
];

/// The crate that imports none of the others: what shares our code cannot catch its errors.
const ORACLE: &str = "lingpai-sandbox";

/// A crate imports only from lower floors. Only what ships counts: tests may import from anywhere.
pub(super) fn go_down(files: &[SourceFile]) -> Vec<Finding> {
    let manifests = files.iter().filter_map(|file| Some((file, krate(&file.path)?)));
    manifests.flat_map(|(file, krate)| upward_imports(file, krate)).collect()
}

/// Every version that the workspace states of others' crates is one that a crate of ours asks for.
pub(super) fn are_asked_for(files: &[SourceFile]) -> Vec<Finding> {
    let (workspace, members): (Vec<_>, Vec<_>) = files
        .iter()
        .filter(|file| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml"))
        .partition(|file| file.path == "Cargo.toml");
    let asked: Vec<Dependency<'_>> =
        members.iter().flat_map(|file| dependencies(&file.text)).collect();
    let stated = workspace.iter().flat_map(|file| dependencies(&file.text));
    stated
        .filter(|stated| floor(stated.key).is_none())
        .filter(|stated| !asked.iter().any(|asked| asked.key == stated.key))
        .map(|stated| {
            Finding::new("Cargo.toml", format!("no crate asks for {}: remove it", stated.key))
        })
        .collect()
}

fn upward_imports(manifest: &SourceFile, krate: &str) -> Vec<Finding> {
    let finding = |what: String| Finding::new(&manifest.path, what);
    let Some(own) = floor(krate) else {
        return vec![finding(format!(
            "{krate} has no floor: add it in xtask/src/rules/imports.rs"
        ))];
    };
    let judge = |import: Dependency<'_>| {
        let import = import.package;
        match floor(import)? {
            _ if krate == ORACLE => {
                Some(format!("{krate} imports {import}, but shares no code with the rest"))
            }
            floor if floor >= own => Some(format!(
                "{krate} (floor {own}) imports {import} (floor {floor}): imports go down only"
            )),
            _ => None,
        }
    };
    let shipped = dependencies(&manifest.text).into_iter().filter(|import| !import.dev);
    shipped.filter_map(judge).map(finding).collect()
}

fn floor(krate: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == krate).map(|(_, floor)| *floor)
}

/// The crate whose manifest this path is.
fn krate(path: &str) -> Option<&str> {
    let name = path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
    (!name.contains('/')).then_some(name)
}

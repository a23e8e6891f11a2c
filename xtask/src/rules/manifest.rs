//! Reading the dependency tables of a `Cargo.toml`: the few shapes that Cargo allows, line by line.

/// One entry of a dependency table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dependency<'a> {
    /// The name that the manifest uses.
    pub(super) key: &'a str,
    /// The crate behind it; another name when the entry says `package = ".."`.
    pub(super) package: &'a str,
    /// Whether the entry only serves tests and benches.
    pub(super) dev: bool,
}

/// Every entry of every dependency table, those of `[workspace]` and of one target included.
pub(super) fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut found: Vec<Dependency<'_>> = Vec::new();
    let mut table = Table::Other;
    for line in manifest.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(heading) = line.strip_prefix('[') {
            table = Table::of(heading.trim_end_matches(']'));
            if let Table::Entry { key, dev } = table {
                found.push(Dependency { key, package: key, dev });
            }
            continue;
        }
        match table {
            Table::Dependencies { dev } if line.contains('=') => {
                let key = line.split(['=', '.', ' ']).next().unwrap_or("");
                found.push(Dependency { key, package: package(line).unwrap_or(key), dev });
            }
            Table::Entry { .. } if line.starts_with("package") => {
                if let (Some(entry), Some(package)) = (found.last_mut(), package(line)) {
                    entry.package = package;
                }
            }
            _ => {}
        }
    }
    found
}

/// What the heading of a table says of the lines below it.
enum Table<'a> {
    /// `[dependencies]`, `[workspace.dependencies]`, `[target.'..'.dev-dependencies]`: a line is an
    /// entry.
    Dependencies {
        dev: bool,
    },
    /// `[dependencies.key]`: the whole table is one entry.
    Entry {
        key: &'a str,
        dev: bool,
    },
    Other,
}

impl<'a> Table<'a> {
    fn of(heading: &'a str) -> Self {
        let (before, last) = heading.rsplit_once('.').unwrap_or(("", heading));
        if let Some(dev) = serves_only_tests(last) {
            return Self::Dependencies { dev };
        }
        match serves_only_tests(before.rsplit('.').next().unwrap_or("")) {
            Some(dev) => Self::Entry { key: last, dev },
            None => Self::Other,
        }
    }
}

/// `None` when `table` is no table of dependencies.
fn serves_only_tests(table: &str) -> Option<bool> {
    match table {
        "dependencies" | "build-dependencies" => Some(false),
        "dev-dependencies" => Some(true),
        _ => None,
    }
}

/// The value of `package = ".."`.
fn package(line: &str) -> Option<&str> {
    let value = line.split_once("package")?.1.trim_start().strip_prefix('=')?;
    value.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_dependency_is_understood() {
        for manifest in [
            "[dependencies]\na = \"1\"",
            "[dependencies]\na = { workspace = true }",
            "[dependencies]\na.workspace = true",
            "[dependencies]\n# why it is needed\na = \"1\"",
            "[dependencies.a]\nworkspace = true",
            "[build-dependencies]\na = \"1\"",
            "[workspace.dependencies]\na = \"1\"",
            "[target.'cfg(unix)'.dependencies]\na = \"1\"",
            "[target.'cfg(unix)'.dependencies.a]\nversion = \"1\"",
        ] {
            let expected = Dependency { key: "a", package: "a", dev: false };
            assert_eq!(dependencies(manifest), [expected], "{manifest}");
        }
    }

    #[test]
    fn an_alias_is_seen_through() {
        for manifest in [
            "[dependencies]\na = { version = \"1\", package = \"b\" }",
            "[dependencies.a]\nversion = \"1\"\npackage = \"b\"",
        ] {
            let expected = Dependency { key: "a", package: "b", dev: false };
            assert_eq!(dependencies(manifest), [expected], "{manifest}");
        }
    }

    #[test]
    fn what_only_tests_use_is_told_apart() {
        let expected = Dependency { key: "a", package: "a", dev: true };
        assert_eq!(dependencies("[dev-dependencies]\na = \"1\""), [expected]);
    }

    #[test]
    fn other_tables_hold_no_dependencies() {
        let manifest =
            "[package]\nname = \"a\"\n[features]\ndefault = []\n[lints]\nworkspace = true";
        assert_eq!(dependencies(manifest), []);
    }
}

//! `lingpai completions` and `lingpai man`: what a package puts beside the program.

use std::path::Path;

use clap::CommandFactory;

use crate::args::{Arguments, Shell};
use crate::error::{Deed, Error};
use crate::language::{either, say};
use crate::output;

const NAME: &str = "lingpai";

/// Prints what makes a shell complete our arguments.
pub(crate) fn completions(shell: Shell) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(
        clap_complete::Shell::from(shell),
        &mut Arguments::command(),
        NAME,
        &mut script,
    );
    output::print(&String::from_utf8_lossy(&script))
}

/// Writes a man page of each command into a directory.
pub(crate) fn man(directory: &Path) -> Result<(), Error> {
    clap_mangen::generate_to(Arguments::command(), directory).map_err(|source| Error::File {
        path: directory.to_owned(),
        deed: Deed::Write,
        advice: either(
            "Name a directory that exists and where you may write",
            "请指定一个已存在且可以写入的目录",
        ),
        source,
    })?;
    output::tell(&say!(
        "The man pages are written. Read one: man {directory}/lingpai.1",
        "手册页已写好。查看：man {directory}/lingpai.1",
        directory = directory.display()
    ));
    Ok(())
}

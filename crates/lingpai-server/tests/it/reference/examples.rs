//! The commands in the guide, by the call that each makes.

/// Method, path and the command as it stands there.
pub(crate) struct Example {
    method: String,
    path: String,
    pub(crate) command: String,
}

/// Those of a page.
pub(crate) fn of(guide: &str) -> Vec<Example> {
    let blocks = ["```sh\n", "```text\n"].into_iter().flat_map(|fence| guide.split(fence).skip(1));
    let blocks = blocks.filter_map(|block| block.split("\n```").next());
    blocks.flat_map(commands).filter_map(|command| Example::of(&command)).collect()
}

/// The commands in a block: a line that ends in a backslash goes on in the next.
fn commands(block: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in block.lines() {
        match commands.last_mut().filter(|_| goes_on) {
            Some(command) => *command += &format!("\n{line}"),
            None => commands.push(line.to_owned()),
        }
        goes_on = line.ends_with('\\');
    }
    commands
}

impl Example {
    fn of(command: &str) -> Option<Self> {
        let words: Vec<_> = command.split_whitespace().collect();
        if words.first() != Some(&"curl") {
            return None;
        }
        let after = |option| words.iter().skip_while(|word| **word != option).nth(1);
        let method = after("-X").copied().unwrap_or(match after("-d") {
            Some(_) => "POST",
            None => "GET",
        });
        let (_, url) = command.split_once("\"$LINGPAI_SERVER")?;
        let path = url.split(['"', '?']).next()?;
        let (method, path) = (method.to_lowercase(), path.to_owned());
        Some(Self { method, path, command: command.to_owned() })
    }

    /// Whether it makes this call.
    pub(crate) fn makes(&self, method: &str, path: &str) -> bool {
        let part = |(own, described): (&str, &str)| own == described || described.starts_with('{');
        self.method == method
            && self.path.split('/').count() == path.split('/').count()
            && self.path.split('/').zip(path.split('/')).all(part)
    }
}

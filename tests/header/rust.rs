//! The declarations of the crate libreflink-sys: the items of src/capi, as these files have them.
//! They are text between the first line of an item's comment and its last line, which rustfmt has put at the margin.

use std::fmt::Write;

/// A constant, a structure or a function, with its comment.
struct Item<'a> {
    comment: Vec<&'a str>,
    text: Vec<&'a str>,
}

/// The items of the interface in the sources.
fn items(sources: &str) -> Vec<Item<'_>> {
    let lines: Vec<&str> = sources.lines().collect();
    let starts =
        ["pub const REFLINK_", "pub struct reflink_", "pub extern \"C\" fn ", "pub unsafe extern \"C\" fn "];
    let item = |at: usize| {
        let head =
            lines[..at].iter().rev().take_while(|line| line.starts_with("///") || line.starts_with("#["));
        let head = &lines[at - head.count()..at];
        let ends =
            |line: &&str| !line.starts_with([' ', ')']) && !line.ends_with(" {") && !line.ends_with('(');
        let last = if lines[at].contains(" fn ") {
            lines[at..].iter().position(|line| line.ends_with('{'))
        } else {
            lines[at..].iter().position(ends)
        };
        let last = at + last.expect("the end of an item");
        let attributes =
            head.iter().filter(|line| line.starts_with("#[repr") || line.starts_with("#[derive"));
        Item {
            comment: head.iter().filter(|line| line.starts_with("///")).copied().collect(),
            text: attributes.chain(&lines[at..=last]).copied().collect(),
        }
    };
    (0..lines.len()).filter(|at| starts.iter().any(|start| lines[*at].starts_with(start))).map(item).collect()
}

impl Item<'_> {
    fn declares(&self, kind: &str) -> bool {
        self.text.iter().any(|line| line.contains(kind))
    }

    /// The lines, with the comment's parameters as rustdoc shows them.
    fn write(&self, text: &str) -> String {
        let mut made = String::new();
        for line in &self.comment {
            let (name, words) = match line.strip_prefix("/// @param ") {
                Some(rest) => rest.split_once(' ').expect("a parameter and its comment"),
                None => ("", *line),
            };
            let _ = match name {
                // Of a parameter, rustdoc wants the further lines under its first word.
                "" if words.starts_with("///     ") => {
                    writeln!(made, "///   {}", words.trim_start_matches('/').trim_start())
                }
                "" => writeln!(made, "{}", words.replace("/// @return ", "///\n/// Returns: ")),
                _ => writeln!(made, "/// - `{name}`: {}", words.trim_start()),
            };
        }
        made + text
    }
}

/// Constants and structures, and how the caller's own structures begin. `header` says which these are.
pub fn declarations(sources: &str, header: &str) -> String {
    let mut made: Vec<String> = Vec::new();
    for item in items(sources).iter().filter(|item| !item.declares(" fn ")) {
        let text = item.text.join("\n");
        let initial = initial(&text, header);
        // Constants stand close to each other, as in the header.
        let joined = item.declares("pub const") && made.last().is_some_and(|last| !last.ends_with("}\n"));
        made.push(format!(
            "{}{}\n{initial}",
            if joined || made.is_empty() { "" } else { "\n" },
            item.write(&text)
        ));
    }
    made.concat()
}

/// What REFLINK_..._INIT is in C.
fn initial(structure: &str, header: &str) -> String {
    let between = |before: &str, after: &str| {
        structure.split_once(before).and_then(|(_, rest)| rest.split_once(after)).map(|(found, _)| found)
    };
    let Some(name) = between("pub struct ", " {") else { return String::new() };
    if !header.contains(&format!("#define {}_INIT ", name.to_uppercase())) {
        return String::new();
    }
    format!(
        "\nimpl Default for {name} {{
    fn default() -> Self {{
        // SAFETY: integers, and pointers that may be NULL.
        Self {{ size: size_of::<Self>() as u32, ..unsafe {{ core::mem::zeroed() }} }}
    }}
}}\n"
    )
}

/// The arguments of a function, some of which may be functions too.
fn apart(arguments: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, letter) in arguments.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push(arguments[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(arguments[start..].trim());
    found
}

/// An argument that is too long for a line, as rustfmt breaks it.
fn broken(argument: &str) -> String {
    match argument.split_once("Option<").filter(|_| argument.len() > 101) {
        Some((name, inner)) => format!("{name}Option<\n        {},\n    >", inner.trim_end_matches('>')),
        None => argument.to_owned(),
    }
}

/// The functions, as a block `unsafe extern` declares them.
pub fn functions(sources: &str) -> String {
    let function = |item: &Item| {
        let head = item.text.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        let head = [("( ", "("), (", )", ")"), ("< ", "<"), (", >", ">")]
            .iter()
            .fold(head, |head, (from, to)| head.replace(from, to));
        let signature = head.split_once(" fn ").expect("a function").1.trim_end_matches(" {");
        let safe = if item.declares("unsafe extern") { "" } else { "safe " };
        let mut declared = format!("pub {safe}fn {signature};");
        // The width that rustfmt.toml says, less the block's indent.
        if declared.len() > 106 {
            let (name, rest) = declared.split_once('(').expect("arguments");
            let (arguments, end) = rest.rsplit_once(')').expect("arguments");
            let arguments: Vec<String> = apart(arguments).into_iter().map(broken).collect();
            declared = format!("{name}(\n    {},\n){end}", arguments.join(",\n    "));
        }
        item.write(&declared) + "\n"
    };
    let all: Vec<String> = items(sources).iter().filter(|item| item.declares(" fn ")).map(function).collect();
    all.join("\n")
}

/// The list of src/capi/layout.rs, with the macro that asserts it.
pub fn layout(source: &str) -> String {
    let (_, last) = source.rsplit_once("\nuse ").expect("what layout.rs imports");
    last.split_once('\n').expect("the list of layouts").1.trim_start().to_owned()
}

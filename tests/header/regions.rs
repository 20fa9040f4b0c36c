//! What else is made from src/capi: marked regions of the C++ header, the bindings and the layout test.
//! A region begins at a line with "make header: FORMAT CONSTANTS…" and goes up to one with "make header: end".

use crate::interface::{Constant, Header};
use crate::rust;

/// The files that have regions.
pub const FILES: &[&str] = &[
    "include/libreflink.hpp",
    "tests/c/layout.c",
    "bindings/go/types.go",
    "bindings/go/errors.go",
    "bindings/go/reflink.go",
    "bindings/go/sharing.go",
    "bindings/go/tree.go",
    "bindings/rust/libreflink-sys/src/lib.rs",
    "bindings/rust/libreflink-sys/src/layout.rs",
    "bindings/rust/libreflink-fs/src/options.rs",
    "bindings/rust/libreflink-fs/src/report.rs",
    "bindings/rust/libreflink-fs/src/sharing.rs",
    "bindings/rust/libreflink-fs/src/tree.rs",
    "bindings/python/src/libreflink/_types.py",
    "bindings/python/src/libreflink/_errors.py",
    "bindings/python/src/libreflink/_copy.py",
    "bindings/python/src/libreflink/_tree.py",
    "bindings/python/src/libreflink/_sharing.py",
];

/// A number of the interface.
pub struct Number {
    pub name: String,
    value: String,
    /// The first sentence of its comment.
    comment: String,
    /// Its text in src/capi.
    pub text: Option<String>,
}

/// What the regions are made from.
pub struct Interface {
    pub numbers: Vec<Number>,
    header: Header,
    sources: Sources,
}

/// What they are made from, as text.
pub struct Sources {
    /// The files of src/capi that the header shows, and the header made of them.
    pub declarations: String,
    pub header: String,
    /// src/capi/layout.rs.
    pub layout: String,
}

impl Interface {
    pub fn new(header: Header, sources: Sources) -> Self {
        let own = |constant: &&Constant| !constant.name.starts_with("REFLINK_VERSION_");
        let words = sources.declarations.split_whitespace().collect::<Vec<_>>().join(" ").replace("( ", "(");
        let numbers = header.constants.iter().filter(own).map(|constant| {
            let row = words.split(&format!("({}, c\"", constant.name)).nth(1);
            let row = row.and_then(|rest| rest.split(")").next());
            Number {
                name: constant.name.clone(),
                value: constant.value.trim_end_matches("ULL").to_owned(), // no other language needs it
                comment: sentence(&constant.text),
                text: row.and_then(|row| row.rsplit('"').nth(1)).map(ToOwned::to_owned),
            }
        });
        Self { numbers: numbers.collect(), sources, header }
    }

    /// The numbers that a selector means: "REFLINK_STEP_*", or "options.mode", whose comment names them. Each with the rest of
    /// its name.
    fn select(&self, selector: &str) -> Vec<(&Number, String)> {
        let mut common = "REFLINK_".to_owned();
        let patterns: Vec<String> = match selector.split_once('.') {
            None => vec![selector.to_owned()],
            Some((structure, member)) => {
                let of_structure = format!("REFLINK_{}_", structure.to_uppercase());
                let structure = format!("reflink_{structure}");
                let of = self.header.structures.iter().find(|known| known.name == structure);
                let members = of.map(|structure| structure.members.as_slice()).unwrap_or_default();
                let named =
                    |declaration: &str| declaration.trim_end_matches(';').ends_with(&format!(" {member}"));
                let member = members.iter().find(|member| named(&member.declaration));
                let text = &member.unwrap_or_else(|| panic!("no member {selector}")).text;
                let word = |word: &str| word.trim_matches([',', '.', ':', ';']).to_owned();
                let words: Vec<String> =
                    text.split_whitespace().map(word).filter(|word| word.starts_with("REFLINK_")).collect();
                // Those of struct reflink_extent are named after it too.
                if words.iter().all(|word| word.starts_with(&of_structure)) {
                    common = of_structure;
                }
                words
            }
        };
        let rest = |number: &Number, pattern: &String| match pattern.strip_suffix('*') {
            Some(prefix) => number.name.strip_prefix(prefix).map(ToOwned::to_owned),
            None => (*pattern == number.name).then(|| number.name.trim_start_matches(&common).to_owned()),
        };
        let found =
            |number| patterns.iter().find_map(|pattern| rest(number, pattern)).map(|rest| (number, rest));
        self.numbers.iter().filter_map(found).collect()
    }

    /// A file with its regions made anew, and the names of the constants in them.
    pub fn fill(&self, file: &str) -> (String, Vec<String>) {
        let (mut filled, mut names, mut inside) = (String::new(), Vec::new(), false);
        for line in file.lines() {
            let marker = line.split_once("make header: ").map(|(_, words)| words.trim_end_matches(" */"));
            inside &= marker != Some("end");
            if !inside {
                filled += &format!("{line}\n");
            }
            let Some(words) = marker.filter(|words| *words != "end") else { continue };
            inside = true;
            let indent = &line[..line.len() - line.trim_start().len()];
            let (format, selectors) = words.split_once(' ').unwrap_or((words, ""));
            let selected =
                selectors.split(' ').flat_map(|selector| self.select(selector)).collect::<Vec<_>>();
            names.extend(selected.iter().map(|(number, _)| number.name.clone()));
            for made in self.region(format, &selected).lines() {
                filled += &if made.is_empty() { "\n".to_owned() } else { format!("{indent}{made}\n") };
            }
        }
        assert!(!inside, "a region without an end");
        (filled, names)
    }

    fn region(&self, format: &str, numbers: &[(&Number, String)]) -> String {
        if let Some(column) = ["layout-wide", "layout-narrow"].iter().position(|known| *known == format) {
            return layout(&self.sources.layout, column);
        }
        match format {
            "rust-items" => return rust::declarations(&self.sources.declarations, &self.sources.header),
            "rust-functions" => return rust::functions(&self.sources.declarations),
            "rust-layout" => return rust::layout(&self.sources.layout),
            _ => {}
        }
        if format == "go-values" {
            // In columns, as gofmt wants them.
            let names: Vec<String> = numbers.iter().map(|(_, rest)| camel("number", rest)).collect();
            let width = names.iter().map(String::len).max().unwrap_or_default();
            let line = |(name, (number, _)): (&String, &(&Number, String))| {
                format!("{name:width$} = {}\n", number.value)
            };
            return names.iter().zip(numbers).map(line).collect();
        }
        let lines: Vec<String> = numbers.iter().map(|(number, rest)| one(format, number, rest)).collect();
        lines.join(
            if ["go-Method", "go-Reason", "go-Step", "go-errors", "go-Sharing", "go-Verdict", "go-ExtentKind"]
                .contains(&format)
            {
                "\n"
            } else {
                ""
            },
        )
    }
}

/// One number in one format.
fn one(format: &str, number: &Number, rest: &str) -> String {
    let Number { name, value, comment, .. } = number;
    let text = || number.text.clone().unwrap_or_else(|| panic!("src/capi has no text for {name}"));
    let lower = rest.to_lowercase();
    match format {
        "cpp" => {
            let member = match lower.as_str() {
                "auto" => "automatic",
                "inline" => "inlined",
                "new" => "new_file",
                other => other,
            };
            format!("{}{member} = {name},\n", wrapped("/// ", comment))
        }
        "c-values" => format!("LAYOUT({name} == {value});\n"),
        "go-names" => format!("case {}:\n\treturn \"{}\"\n", of_kind(name), lower.replace('_', " ")),
        "go-errors" => {
            let go = camel("Err", rest);
            let text = text();
            let (first, others) = text.split_at(1);
            format!("// {go}: {comment}\n{go} = errors.New(\"{}{others}\")\n", first.to_lowercase())
        }
        "go-codes" => format!("{value}: {},\n", camel("Err", rest)),
        "rust-option" => {
            let default = if value == "0" { "#[default]\n" } else { "" };
            format!("{}{default}{} = sys::{name},\n", wrapped("/// ", comment), camel("", rest))
        }
        "rust-variants" => format!("{}{},\n", wrapped("/// ", comment), camel("", rest)),
        "rust-numbers" => format!("sys::{name} => Self::{},\n", camel("", rest)),
        "rust-texts" => format!("Self::{} => f.write_str(\"{}\"),\n", camel("", rest), text()),
        "python-enum" => format!("{}{rest} = {value}\n", wrapped("#: ", comment)),
        "python-names" => format!("\"{lower}\": {value},\n"),
        // ruff wants upper-case digits.
        "python-values" => format!("_{rest} = {}\n", value.to_uppercase().replace("0X", "0x")),
        _ => {
            let kind = format.strip_prefix("go-").unwrap_or_else(|| panic!("no format {format}"));
            format!("// {comment}\n{} {kind} = {value}\n", of_kind(name))
        }
    }
}

/// REFLINK_REASON_NOT_ASKED as Go has it: ReasonNotAsked.
fn of_kind(name: &str) -> String {
    camel("", name.trim_start_matches("REFLINK_"))
}

fn camel(start: &str, words: &str) -> String {
    let word = |word: &str| word[..1].to_owned() + &word[1..].to_lowercase();
    start.to_owned() + &words.split('_').map(word).collect::<String>()
}

fn sentence(text: &str) -> String {
    let end = text.find(". ").map_or(text.len(), |at| at + 1);
    text[..end].to_owned()
}

/// A comment in lines that clang-format leaves as they are.
fn wrapped(start: &str, text: &str) -> String {
    let (mut lines, mut line) = (String::new(), start.trim_end().to_owned());
    for word in text.split(' ') {
        if line.len() + 1 + word.len() > 96 {
            lines += &format!("{line}\n");
            line = start.trim_end().to_owned();
        }
        line += &format!(" {word}");
    }
    lines + &line + "\n"
}

/// The list of layout.rs as C asserts it: the first column is for pointers of 8 bytes, the second for those of 4.
fn layout(list: &str, column: usize) -> String {
    let (mut made, mut structure) = (String::new(), "");
    for line in list.split("\nlayout! {").nth(1).expect("the list of layouts").lines() {
        let line = line.trim();
        if let Some((name, sizes)) = line.strip_suffix(") {").and_then(|line| line.split_once(" (")) {
            structure = name;
            made += &format!("LAYOUT(sizeof(struct {name}) == {});\n", at(sizes, column));
        } else if let Some((member, offsets)) = line.strip_suffix(';').and_then(|line| line.split_once(": "))
        {
            made += &format!("LAYOUT(offsetof(struct {structure}, {member}) == {});\n", at(offsets, column));
        }
    }
    made
}

fn at(columns: &str, column: usize) -> &str {
    columns.split(", ").nth(column).expect("two columns")
}

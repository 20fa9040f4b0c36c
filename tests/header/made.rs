//! Makes include/libreflink.h: cbindgen writes each item of src/capi, and here they are put in the order of the sources, file
//! after file, so that a function stands behind the constants and structures that it takes.

use std::path::{Path, PathBuf};

/// The files of src/capi that the header shows, and the heading of each there.
const PARTS: &[(&str, &str)] = &[
    ("version", "The version"),
    ("codes", "What functions return"),
    ("options", "How to copy"),
    ("result", "What was done"),
    ("copies", "Copies"),
    ("capability", "What a directory can do"),
    ("words", "In words"),
    ("extents", "What is shared"),
    ("dedupe", "Equal files that share"),
    ("trees/options", "Trees: how to copy"),
    ("trees/result", "Trees: what was done"),
    ("trees/functions", "Trees: copies and removal"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn path(part: &str) -> PathBuf {
    root().join(format!("src/capi/{part}.rs"))
}

/// The header as src/capi has it. These files and no others: cbindgen takes every `pub const` for one of the interface's.
pub fn header() -> String {
    header_from(&PARTS.iter().map(|(part, _)| path(part)).collect::<Vec<_>>())
}

/// The text of these files, one after another.
pub fn sources() -> String {
    PARTS.iter().map(|(part, _)| std::fs::read_to_string(path(part)).expect("a file of src/capi")).collect()
}

/// The header that comes of `files`, which have the items of src/capi.
pub fn header_from(files: &[PathBuf]) -> String {
    let config = cbindgen::Config::from_file(root().join("include/cbindgen.toml")).expect("cbindgen.toml");
    let bindings = files
        .iter()
        .fold(cbindgen::Builder::new().with_config(config), cbindgen::Builder::with_src)
        .generate()
        .expect("cbindgen cannot read src/capi");
    let mut written = Vec::new();
    bindings.write(&mut written);
    // Rust has no type for memory that others change, and cbindgen takes each isize for a difference.
    let written = String::from_utf8(written)
        .expect("UTF-8")
        .replace("const int *cancel", "const volatile int *cancel")
        .replace("ptrdiff_t source_dir", "intptr_t source_dir");
    in_order(&written)
}

/// An item of the header with its comment.
struct Item {
    part: usize,
    /// Where it stands in that file.
    line: usize,
    /// The line in the file where its comment begins.
    first_line: usize,
    text: String,
}

fn in_order(written: &str) -> String {
    let sources: Vec<String> = PARTS
        .iter()
        .map(|(part, _)| std::fs::read_to_string(path(part)).expect("a file of src/capi"))
        .collect();
    let (head, rest) = written.split_once("\n/**\n").expect("a comment");
    let (items, tail) = rest.split_once("\n#endif  /* LIBREFLINK_H */").expect("the end of the header");
    let mut items: Vec<Item> = items.split("\n/**\n").map(|text| placed(text.trim_end(), &sources)).collect();
    items.sort_by_key(|item| (item.part, item.line));
    let mut header = head.to_owned();
    let mut before: Option<&Item> = None;
    for item in &items {
        if before.is_none_or(|before| before.part != item.part) {
            header += &format!("\n/* ---- {} ---- */\n\n", PARTS[item.part].1);
        } else if before.is_none_or(|before| before.line + 1 != item.first_line) {
            header.push('\n');
        }
        header += &format!("{}\n", item.text);
        before = Some(item);
    }
    header + "\n#ifdef __cplusplus\n}\n#endif\n\n#endif /* LIBREFLINK_H */" + tail
}

/// Finds an item in the sources. Constants that follow each other there without an empty line do so in the header too.
fn placed(text: &str, sources: &[String]) -> Item {
    let (comment, item) = text.split_once("\n */\n").expect("the end of a comment");
    let name = name(item);
    let starts = [
        format!("pub const {name}:"),
        format!("pub struct {name} "),
        format!("pub extern \"C\" fn {name}("),
        format!("pub unsafe extern \"C\" fn {name}("),
    ];
    for (part, source) in sources.iter().enumerate() {
        let lines: Vec<&str> = source.lines().collect();
        let start = |line: &&str| starts.iter().any(|start| line.starts_with(start));
        if let Some(line) = lines.iter().position(start) {
            let comment_lines = lines[..line].iter().rev().take_while(|line| line.starts_with("///")).count();
            let item =
                if item.starts_with("#define") { constant(name, lines[line]) } else { item.to_owned() };
            return Item { part, line, first_line: line - comment_lines, text: commented(comment, &item) };
        }
    }
    panic!("{name} is not at the beginning of a line of a file that the header shows");
}

/// The number as the source writes it, since cbindgen makes decimal ones, and with ULL where an int would be too small.
fn constant(name: &str, line: &str) -> String {
    let (kind, value) =
        line.split_once(": ").and_then(|(_, rest)| rest.split_once(" = ")).expect("a constant");
    let value = value.trim_end_matches(';').replace('_', "");
    let hexadecimal = value.strip_prefix("0x").map(|digits| u64::from_str_radix(digits, 16).expect("digits"));
    let large = hexadecimal.is_some_and(|value| value > u64::from(u32::MAX));
    assert!(!large || kind == "u64", "{name} is too large");
    format!("#define {name} {value}{}", if large { "ULL" } else { "" })
}

/// A comment of one line needs no more than one.
fn commented(comment: &str, item: &str) -> String {
    let item = item
        .split("  /**\n   * ")
        .map(|part| match part.split_once("\n   */\n") {
            Some((comment, rest)) if !comment.contains('\n') => format!("  /** {comment} */\n{rest}"),
            Some(_) => format!("  /**\n   * {part}"),
            None => part.to_owned(),
        })
        .collect::<String>();
    match comment.strip_prefix(" * ") {
        Some(line) if !line.contains('\n') => format!("/** {line} */\n{item}"),
        _ => format!("/**\n{comment}\n */\n{item}"),
    }
}

/// What an item defines.
fn name(item: &str) -> &str {
    let words = item
        .strip_prefix("#define ")
        .or_else(|| item.strip_prefix("struct ").filter(|rest| rest.contains('{')));
    match words {
        Some(rest) => rest.split([' ', '(']).next().expect("a name"),
        None => item
            .split_once('(')
            .and_then(|(before, _)| before.rsplit([' ', '*', '\n']).next())
            .unwrap_or_else(|| panic!("no function's name in {item}")),
    }
}

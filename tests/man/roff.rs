//! Writes man(7) text that groff and mandoc read alike: escaping, fonts, filling, and the few macros in use.

const WIDTH: usize = 78;

#[derive(Default)]
pub struct Page {
    text: String,
}

impl Page {
    pub fn new(name: &str, section: u8, date: &str, version: &str) -> Self {
        let mut page = Self::default();
        page.line(r#".\" SPDX-License-Identifier: MIT OR Apache-2.0"#);
        page.line(r#".\" Made from include/libreflink.h and man/src by "make man": do not edit it."#);
        page.line(&format!(".TH {name} {section} {date} \"libreflink {version}\" \"libreflink manual\""));
        page
    }

    pub fn section(&mut self, title: &str) {
        self.line(&format!(".SH {title}"));
    }

    pub fn subsection(&mut self, title: &str) {
        self.line(&format!(".SS {title}"));
    }

    /// A paragraph. The first one of a section needs no macro before it.
    pub fn paragraph(&mut self, text: &str) {
        let first = self.text.lines().last().is_some_and(|line| line.starts_with(".S"));
        if !first {
            self.line(".PP");
        }
        self.fill(text);
    }

    /// An item of a list.
    pub fn bullet(&mut self, text: &str) {
        self.line(".IP \\(bu");
        self.fill(text);
    }

    /// A term, and what is to be said of it. The term is roff already.
    pub fn item(&mut self, term: &str, text: &str) {
        self.line(".TP");
        self.line(term);
        self.fill(text);
    }

    /// Lines as they are.
    pub fn verbatim(&mut self, text: &str) {
        self.line(".in +4n");
        self.line(".EX");
        for line in text.lines() {
            self.line(&guarded(&escaped(line)));
        }
        self.line(".EE");
        self.line(".in");
    }

    /// One line without filling or fonts, as roff.
    pub fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    pub fn finish(self) -> String {
        self.text
    }

    fn fill(&mut self, text: &str) {
        let mut line = String::new();
        for word in text.split_whitespace() {
            let word = styled(word);
            if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
                self.line(&guarded(&line));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        if !line.is_empty() {
            self.line(&guarded(&line));
        }
    }
}

/// A line that begins with a dot or an apostrophe would be taken for a request.
fn guarded(line: &str) -> String {
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() }
}

pub fn escaped(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '^' => out.push_str("\\(ha"),
            '~' => out.push_str("\\(ti"),
            '`' => out.push_str("\\(ga"),
            '\'' => out.push_str("\\(aq"),
            _ => out.push(character),
        }
    }
    out
}

/// A word of running text: names in bold, parameters in italics, hyphens left as hyphens.
fn styled(word: &str) -> String {
    if let [before, code, after] = word.splitn(3, '`').collect::<Vec<_>>()[..] {
        return format!("{}\\fI{}\\fP{}", escaped(before), escaped(code), escaped(after));
    }
    if let (Some(start), Some(end)) = (word.find("reflink_"), word.find("()")) {
        return format!(
            "{}\\fB{}\\fP(3){}",
            escaped(&word[..start]),
            escaped(&word[start..end]),
            escaped(&word[end + 2..])
        );
    }
    if let Some(start) = word.find("REFLINK_") {
        let length = word[start..]
            .find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_' || c == '*'));
        let end = length.map_or(word.len(), |length| start + length);
        return format!(
            "{}\\fB\\%{}\\fP{}",
            escaped(&word[..start]),
            escaped(&word[start..end]),
            escaped(&word[end..])
        );
    }
    if word.contains("-E") || word.starts_with('-') || word.contains("^") {
        return escaped(word);
    }
    // Between letters it is a hyphen and may stay one.
    escaped(word).replace("\\-", "-").replace("\\(aq", "'")
}

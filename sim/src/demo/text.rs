//! Lines of text with a style, cut and wrapped by what a terminal can show.

use super::Look;

/// How a piece of text looks where colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    Doubtful,
}

/// One line. Its characters are one column wide each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line(Vec<(Style, String)>);

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[1;31m",
            Self::Doubtful => "\x1b[33m",
        }
    }
}

impl Line {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::default().put(Style::Plain, text)
    }

    /// The line with more text behind it.
    pub(super) fn put(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push((style, text.into()));
        self
    }

    /// The line with another behind it.
    pub(super) fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// What fits into `width` columns.
    pub(super) fn cut(mut self, width: usize) -> Self {
        let mut left = width;
        for (_, text) in &mut self.0 {
            if let Some((end, _)) = text.char_indices().nth(left) {
                text.truncate(end);
            }
            left -= text.chars().count();
        }
        self
    }

    pub(super) fn paint(&self, look: Look) -> String {
        let mut painted = String::new();
        for (style, text) in &self.0 {
            let code = if look.colour { style.code() } else { "" };
            painted.push_str(code);
            painted.push_str(text);
            if !code.is_empty() {
                painted.push_str("\x1b[0m");
            }
        }
        painted.truncate(painted.trim_end_matches(' ').len());
        painted
    }

    #[cfg(test)]
    pub(super) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }
}

/// Whether it was right: a mark and how it looks.
pub(super) fn mark(right: bool, look: Look) -> (Style, &'static str) {
    match (right, look.unicode) {
        (true, true) => (Style::Good, "✓"),
        (true, false) => (Style::Good, "ok"),
        (false, true) => (Style::Bad, "✗"),
        (false, false) => (Style::Bad, "WRONG"),
    }
}

/// Text in lines of at most `width` columns, broken between words where there is a choice.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("it begins with one and only gets more");
        let used = last.chars().count();
        if used == 0 || used + 1 + word.chars().count() <= width {
            if used > 0 {
                last.push(' ');
            }
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.into_iter().flat_map(|line| broken(&line, width)).collect()
}

/// A line in pieces: a word can be longer than the terminal is wide.
fn broken(line: &str, width: usize) -> Vec<String> {
    let characters: Vec<char> = line.chars().collect();
    characters.chunks(width).map(String::from_iter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_by_columns_over_its_pieces() {
        let line = || Line::plain("✓ ab").put(Style::Bold, "cdef");
        assert_eq!(line().cut(6), Line::plain("✓ ab").put(Style::Bold, "cd"));
        assert_eq!(line().cut(2), Line::plain("✓ ").put(Style::Bold, ""));
        assert_eq!(line().cut(80), line());
    }

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        let line = Line::plain("a").put(Style::Good, "b");
        assert_eq!(line.paint(Look { colour: false, unicode: true }), "ab");
        assert_eq!(line.paint(Look { colour: true, unicode: true }), "a\x1b[32mb\x1b[0m");
    }

    #[test]
    fn text_is_wrapped_between_words_or_within_a_long_one() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh i", 3), ["abc", "def", "gh", "i"]);
        assert_eq!(wrap("a b", 0), ["a", "b"]);
    }
}

//! Text from strangers, made harmless once, where it enters.

use std::fmt;

/// Text of at most `MAX` bytes, cut at a character boundary, trimmed and without control
/// characters, also those that change the direction of what follows. Quotes and backslashes stay: JSON escapes them on the wire.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text<const MAX: usize>(Box<str>);

impl<const MAX: usize> Text<MAX> {
    /// Takes any text; what does not fit or does not print is left out. Taking the result again
    /// changes nothing, so what one end sends is what the other end reads.
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        if text.chars().any(is_control) {
            let printing = text.chars().filter(|c| !is_control(*c));
            let clean: String = printing.skip_while(|c| c.is_whitespace()).take(MAX).collect();
            Self(cut(&clean, MAX).trim_end().into())
        } else {
            Self(cut(text, MAX).trim_end().into())
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is left of it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Control characters, line and paragraph separators, and the invisible ones by which a text could
/// make the rest of a line look other than it is.
fn is_control(c: char) -> bool {
    let directs =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || directs || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The longest start of `text` that has at most `max` bytes and no broken character.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

impl<const MAX: usize> From<&str> for Text<MAX> {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Quoted and escaped: how a stranger's text goes into a log line.
impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_a_character_boundary() {
        assert_eq!(Text::<4>::new("äää").as_str(), "ää");
        assert_eq!(Text::<3>::new("äää").as_str(), "ä");
        assert_eq!(Text::<3>::new("\u{1}äää").as_str(), "ä");
        assert_eq!(Text::<9>::new("plain").as_str(), "plain");
    }

    #[test]
    fn control_characters_and_outer_space_are_left_out() {
        assert_eq!(Text::<63>::new(" \n a\u{1b}[31m\u{7}b\tc\u{0} \r\n").as_str(), "a[31mbc");
        assert!(Text::<63>::new("\u{1}\u{2}").is_empty());
        assert_eq!(Text::<63>::new("a\u{202e}b\u{2028}c\u{2066}d\u{200f}").as_str(), "abcd");
        assert_eq!(Text::<4>::new("\u{1}     late").as_str(), "late");
        assert_eq!(Text::<4>::new("abc def").as_str(), "abc", "no space where it was cut");
    }

    #[test]
    fn debug_output_is_quoted_and_escaped() {
        assert_eq!(
            format!("{:?}", Text::<63>::new("say \"hi\" \u{feff}.")),
            r#""say \"hi\" \u{feff}.""#
        );
    }
}

//! Where it is shown: a terminal that is redrawn in place, plain lines, or nothing.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write, stdout};

use rustix::termios::tcgetwinsize;

use super::Error;
use super::text::Line;

const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// A terminal that does not tell its size.
const USUAL: Size = Size { columns: 80, rows: 24 };
/// Wider text is hard to read, and terminals are often no wider.
const TEXT_MAX: usize = 79;

/// How it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// A table that is redrawn in place.
    Live(Look),
    /// A line for each thing that happens.
    Lines(Look),
    /// Not at all until the end.
    Silent,
}

/// What the receiver of the text can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Colours.
    pub colour: bool,
    /// More than ASCII.
    pub unicode: bool,
}

/// Columns and rows of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl Output {
    /// As standard output and the environment (`NO_COLOR`, `TERM`, the locale) have it.
    pub fn of_standard_output() -> Self {
        let variable = |name| std::env::var(name).unwrap_or_default();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(variable);
        let unicode = speaks_unicode(&locale);
        let terminal = stdout().is_terminal() && variable("TERM") != "dumb";
        let colour = terminal && variable("NO_COLOR").is_empty();
        let look = Look { colour, unicode };
        if terminal { Self::Live(look) } else { Self::Lines(look) }
    }

    /// What the receiver can show.
    pub fn look(self) -> Look {
        match self {
            Self::Live(look) | Self::Lines(look) => look,
            Self::Silent => Look { colour: false, unicode: true },
        }
    }

    /// How wide text should be at most.
    pub fn columns(self) -> usize {
        match self {
            Self::Live(_) => Screen::size().columns.min(TEXT_MAX),
            Self::Lines(_) | Self::Silent => TEXT_MAX,
        }
    }
}

/// The first of the variables that is set decides; terminals of today do if none is.
fn speaks_unicode(locale: &[String]) -> bool {
    let Some(name) = locale.iter().find(|name| !name.is_empty()) else { return true };
    let name = name.to_lowercase();
    name.contains("utf-8") || name.contains("utf8")
}

/// Leaves the redrawn screen, for a message that shall be seen.
pub(super) fn leave() {
    // Nobody is left to be told.
    let _ = stdout().write_all(LEAVE.as_bytes()).and_then(|()| stdout().flush());
}

/// The screen; as it was before when this is dropped.
#[derive(Debug)]
pub(super) struct Screen {
    output: Output,
}

impl Screen {
    pub(super) fn open(output: Output) -> Result<Self, Error> {
        let screen = Self { output };
        if screen.is_live() {
            write(ENTER)?;
        }
        Ok(screen)
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self.output, Output::Live(_))
    }

    pub(super) fn look(&self) -> Look {
        self.output.look()
    }

    /// The terminal's size now: it may have been changed.
    pub(super) fn size() -> Size {
        let Ok(size) = tcgetwinsize(stdout()) else { return USUAL };
        match (usize::from(size.ws_col), usize::from(size.ws_row)) {
            (0, _) | (_, 0) => USUAL,
            (columns, rows) => Size { columns, rows },
        }
    }

    /// Shows these lines, which fit, in place of what was shown before.
    pub(super) fn draw(&self, lines: &[Line]) -> Result<(), Error> {
        let mut text = String::new();
        for (row, line) in lines.iter().enumerate() {
            let _ = write!(text, "\x1b[{};1H{}\x1b[K", row + 1, line.paint(self.look()));
        }
        text.push_str("\x1b[J");
        write(&text)
    }

    /// Says something that happened, where that is shown line by line.
    pub(super) fn say(&self, line: &Line) -> Result<(), Error> {
        match self.output {
            Output::Lines(look) => write(&format!("{}\n", line.paint(look))),
            Output::Live(_) | Output::Silent => Ok(()),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.is_live() {
            leave();
        }
    }
}

fn write(text: &str) -> Result<(), Error> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(Error::io("write to standard output"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_variable_that_is_set_decides() {
        let speaks = |names: [&str; 3]| speaks_unicode(&names.map(str::to_owned));
        assert!(speaks(["", "", ""]));
        assert!(speaks(["", "C.UTF-8", "C"]));
        assert!(!speaks(["C", "", "en_US.utf8"]));
    }
}

//! The table and the story below it, for a terminal of any size.

use std::time::{Duration, Instant};

use super::Look;
use super::play::{Guest, Play, State};
use super::scene::{Scene, What};
use super::screen::Size;
use super::text::{Line, Style, mark, wrap};
use super::usage::Usage;

/// How long a heartbeat shows.
const BEAT: Duration = Duration::from_millis(250);
/// Rows that the story gets even when there are more guests than rows.
const STORY_MIN: usize = 11;
/// Rows around table and story: title, a blank row, table head, blank row, foot.
const FRAME: usize = 5;

/// What is shown now: at most as many lines as the terminal has rows, none wider than it.
pub(super) fn frame(play: &Play, usage: &Usage, now: Instant, size: Size, look: Look) -> Vec<Line> {
    let room = size.rows.saturating_sub(FRAME);
    let guests = rows(play, now, room.saturating_sub(STORY_MIN).max(3), look);
    let story = story(play, now, size.columns, look);
    let kept = story.len().min(room.saturating_sub(guests.len()));
    let mut lines = vec![title(play, now), Line::default(), head()];
    lines.extend(guests);
    lines.push(Line::default());
    lines.extend_from_slice(&story[story.len() - kept..]);
    lines.truncate(size.rows.saturating_sub(1));
    lines.push(foot(usage));
    lines.into_iter().map(|line| line.cut(size.columns)).collect()
}

fn title(play: &Play, now: Instant) -> Line {
    let beats: u64 = play.guests.iter().map(|guest| guest.beats).sum();
    let secs = now.saturating_duration_since(play.started).as_secs_f64();
    Line::default().put(Style::Bold, " guest-sim demo").put(
        Style::Plain,
        format!(
            "  {} real clients, 1 real guestServer, {beats} heartbeats, {secs:.1} s",
            play.guests.len()
        ),
    )
}

fn head() -> Line {
    Line::default().put(
        Style::Dim,
        format!(
            "   {:<10}{:<13}{:>8}{:>6}{:>7}  {}",
            "instance", "state", "interval", "beats", "misses", "what is done to it"
        ),
    )
}

fn foot(usage: &Usage) -> Line {
    Line::default().put(
        Style::Dim,
        format!(
            " guestServer: {:.3} s of CPU, {:.1} MB. Ctrl-C ends everything and cleans up.",
            usage.cpu_seconds,
            megabytes(usage)
        ),
    )
}

pub(super) fn megabytes(usage: &Usage) -> f64 {
    let kilobytes = u32::try_from(usage.resident_kb).unwrap_or(u32::MAX);
    f64::from(kilobytes) / 1024.0
}

/// A row a guest; of too many the untouched ones are told in one.
fn rows(play: &Play, now: Instant, most: usize, look: Look) -> Vec<Line> {
    let row = |guest: usize| row(&play.guests[guest], play.last_scene(guest), now, look);
    let count = play.guests.len();
    if count <= most {
        return (0..count).map(row).collect();
    }
    let shown = most - 1;
    let rest = &play.guests[shown..];
    let beating = rest.iter().filter(|guest| guest.state == State::Heartbeating).count();
    let told = format!("   and {} more, {beating} of them heartbeating", rest.len());
    (0..shown).map(row).chain([Line::plain(told)]).collect()
}

fn row(guest: &Guest, scene: Option<&Scene>, now: Instant, look: Look) -> Line {
    let beats = guest.last_beat.is_some_and(|at| now.saturating_duration_since(at) < BEAT);
    let heart = if look.unicode { "♥" } else { "*" };
    let interval = guest.interval.map_or("-".to_owned(), |i| format!("{} ms", i.as_millis()));
    let misses = if guest.misses > 0 { Style::Doubtful } else { Style::Plain };
    Line::default()
        .put(Style::Bad, if beats { format!(" {heart} ") } else { "   ".to_owned() })
        .put(Style::Plain, format!("{:<10}", guest.name))
        .put(style(guest.state), format!("{:<13}", guest.state.as_str()))
        .put(Style::Plain, format!("{interval:>8}{:>6}", guest.beats))
        .put(misses, format!("{:>7}", guest.misses))
        .put(Style::Dim, scene.map(|scene| what(scene, now)).unwrap_or_default())
}

fn what(scene: &Scene, now: Instant) -> String {
    if scene.what == What::Start {
        return String::new();
    }
    let ago = now.saturating_duration_since(scene.at).as_secs();
    format!("  {}, {ago} s ago", scene.what.short())
}

fn style(state: State) -> Style {
    match state {
        State::Heartbeating => Style::Good,
        State::Lost => Style::Bad,
        State::Left | State::Unreachable => Style::Doubtful,
        State::Waiting => Style::Dim,
    }
}

/// What was done: at length while it is open, in short afterwards.
fn story(play: &Play, now: Instant, columns: usize, look: Look) -> Vec<Line> {
    let scenes = play.scenes.iter().filter(|scene| scene.what != What::Start);
    let lines = scenes.flat_map(|scene| {
        let name = &play.guests[scene.guest].name;
        match &scene.verdict {
            Some(verdict) => {
                let (style, mark) = mark(verdict.right, look);
                let what = format!(" {name} {}: ", scene.what.short());
                let line = Line::plain(" ").put(style, mark).put(Style::Plain, what);
                vec![line.put(Style::Plain, verdict.detected.clone())]
            }
            None => open(scene, name, play.interval, now, columns),
        }
    });
    lines.collect()
}

fn open(scene: &Scene, name: &str, interval: Duration, now: Instant, columns: usize) -> Vec<Line> {
    let since = now.saturating_duration_since(scene.at).as_secs_f64();
    let text = format!("{name}: {}", scene.what.done());
    let rule = format!("{since:.1} s; right: {}", scene.what.rule(interval));
    let width = columns.saturating_sub(3);
    let first = wrap(&text, width).into_iter().enumerate().map(|(index, text)| {
        let bullet = if index == 0 { " > " } else { "   " };
        Line::default().put(Style::Bold, format!("{bullet}{text}"))
    });
    let rest = wrap(&rule, width).into_iter().map(|text| Line::plain(format!("   {text}")));
    first.chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use protocol::InstanceId;

    use super::*;
    use crate::clock;
    use crate::demo::play::{Kind, Said};

    const LOOK: Look = Look { colour: false, unicode: true };

    fn play(guests: u64) -> Play {
        let named = (0..guests).map(|n| (format!("guest-{}", n + 1), InstanceId::numbered(n)));
        let mut play = Play::new(clock::now(), Duration::from_secs(1), named);
        let at = play.started;
        for guest in 0..play.guests.len() {
            play.begin(at, What::Start, guest);
            play.heard(at, guest, Said::Answer);
            play.event(at, InstanceId::numbered(guest as u64), Kind::Running, |_| true);
        }
        play.judge(at);
        let faults = [What::Kill, What::Freeze, What::Leave, What::Restart, What::KillQemu];
        for (guest, what) in faults.into_iter().enumerate() {
            play.begin(at, what, guest);
        }
        play.event(at, InstanceId::numbered(1), Kind::Stopped, |_| true);
        play
    }

    fn shown(play: &Play, columns: usize, rows: usize) -> Vec<Line> {
        frame(play, &Usage::default(), play.started, Size { columns, rows }, LOOK)
    }

    fn text(lines: &[Line]) -> String {
        lines.iter().map(|line| line.paint(LOOK) + "\n").collect()
    }

    #[test]
    fn it_fits_any_terminal() {
        for guests in [5, 8, 100] {
            let play = play(guests);
            for columns in [1, 10, 40, 79, 80, 200] {
                for rows in [1, 2, 5, 10, 24, 25, 60, 200] {
                    let lines = shown(&play, columns, rows);
                    assert!(lines.len() <= rows, "{guests} guests, {columns}x{rows}");
                    assert!(lines.iter().all(|line| line.width() <= columns));
                }
            }
        }
    }

    #[test]
    fn every_guest_has_a_row_on_a_usual_terminal() {
        let text = text(&shown(&play(7), 80, 24));
        for guest in 1..=7 {
            assert!(text.contains(&format!("guest-{guest} ")), "{text}");
        }
        assert!(text.contains("♥"));
    }

    #[test]
    fn of_too_many_guests_the_rest_is_counted() {
        let text = text(&shown(&play(100), 80, 24));
        assert!(text.contains("and 93 more, 93 of them heartbeating"), "{text}");
    }

    #[test]
    fn the_latest_of_the_story_is_kept() {
        let text = text(&shown(&play(8), 80, 24));
        assert!(text.contains("> guest-5: its QEMU is killed"), "{text}");
        assert!(!text.contains("> guest-1: its client is killed"), "{text}");
    }

    #[test]
    fn what_is_settled_takes_one_line_with_its_mark() {
        let mut play = play(5);
        play.judge(play.started + Duration::from_mins(1));
        let text = text(&shown(&play, 80, 24));
        assert!(text.contains(" ✗ guest-1 killed (SIGKILL): nothing reported\n"), "{text}");
        assert!(!text.contains("right:"), "{text}");
    }
}

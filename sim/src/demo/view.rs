//! The table and the story below it, for a terminal of any size.

use std::time::{Duration, Instant};

use super::Look;
use super::guest::{Guest, State};
use super::play::{Entry, Play};
use super::roles::{HOSTS, hostname};
use super::scene::{Scene, Verdict};
use super::screen::Size;
use super::text::{Line, Style, mark, wrap};
use super::usage::Usages;
use super::words;

/// How long a heartbeat shows.
const BEAT: Duration = Duration::from_millis(250);
/// Columns from which on the table says how long ago the VIM was told.
const WIDE: usize = 92;
/// Rows that the story gets even when there are more guests than rows.
const STORY_MIN: usize = 11;
/// How long what the VIM was told stands out.
const NEWS: Duration = Duration::from_secs(2);
/// Rows around table and story: title, a blank row, table head, blank row, foot.
const FRAME: usize = 5;

/// What is shown now: at most as many lines as the terminal has rows, none wider than it.
pub(super) fn frame(
    play: &Play,
    usages: &Usages,
    now: Instant,
    size: Size,
    look: Look,
) -> Vec<Line> {
    let room = size.rows.saturating_sub(FRAME);
    let view = View { now, columns: size.columns, look };
    let guests = rows(play, room.saturating_sub(STORY_MIN).max(3), view);
    let story = story(play, view);
    let kept = story.len().min(room.saturating_sub(guests.len()));
    let mut lines = vec![title(play, now), Line::default(), head()];
    lines.extend(guests);
    lines.push(Line::default());
    lines.extend_from_slice(&story[story.len() - kept..]);
    lines.truncate(size.rows.saturating_sub(1));
    lines.push(foot(usages));
    lines.into_iter().map(|line| line.cut(size.columns)).collect()
}

/// When it is shown, and where.
#[derive(Debug, Clone, Copy)]
struct View {
    now: Instant,
    columns: usize,
    look: Look,
}

fn title(play: &Play, now: Instant) -> Line {
    let beats: u64 = play.guests.iter().map(|guest| guest.beats).sum();
    let secs = now.saturating_duration_since(play.started).as_secs_f64();
    Line::default().put(Style::Bold, " guest-sim demo").put(
        Style::Plain,
        format!(
            "  {} guests, {HOSTS} guestServers, 1 guestAgent; {beats} heartbeats, {secs:.1} s",
            play.guests.len()
        ),
    )
}

fn head() -> Line {
    Line::default().put(
        Style::Dim,
        format!(
            "   {:<10}{:<10}{:<13}{:>8}{:>7} {}",
            "host", "instance", "state", "interval", "misses", "what the VIM understood last"
        ),
    )
}

fn foot(usages: &Usages) -> Line {
    let (agent, servers) = (&usages.agent, usages.all_servers());
    Line::default().put(
        Style::Dim,
        format!(
            " guestServers {:.2} s CPU, {:.1} MB; guestAgent {:.2} s, {:.1} MB. Ctrl-C ends it all.",
            servers.cpu_seconds,
            servers.megabytes(),
            agent.cpu_seconds,
            agent.megabytes()
        ),
    )
}

/// A row a guest; of too many the untouched ones are told in one.
fn rows(play: &Play, most: usize, view: View) -> Vec<Line> {
    let row = |guest: usize| row(&play.guests[guest], view);
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

fn row(guest: &Guest, view: View) -> Line {
    let since = |at: Instant| view.now.saturating_duration_since(at);
    let beats = guest.last_beat.is_some_and(|at| since(at) < BEAT);
    let heart = if view.look.unicode { "♥" } else { "*" };
    let interval = guest.interval.map_or("-".to_owned(), |i| format!("{} ms", i.as_millis()));
    let misses = if guest.misses > 0 { Style::Doubtful } else { Style::Plain };
    let told = guest.last_told.map(|(at, kind)| {
        let ago = if view.columns < WIDE { 0 } else { since(at).as_secs() };
        let ago = if ago == 0 { String::new() } else { format!(", {ago} s ago") };
        (if since(at) < NEWS { Style::Bold } else { Style::Dim }, format!(" {}{ago}", kind.cell()))
    });
    let (style_told, told) = told.unwrap_or((Style::Dim, String::new()));
    Line::default()
        .put(Style::Bad, if beats { format!(" {heart} ") } else { "   ".to_owned() })
        .put(Style::Plain, format!("{:<10}{:<10}", hostname(guest.host), guest.name))
        .put(style(guest.state), format!("{:<13}", guest.state.as_str()))
        .put(Style::Plain, format!("{interval:>8}"))
        .put(misses, format!("{:>7}", guest.misses))
        .put(style_told, told)
}

fn style(state: State) -> Style {
    match state {
        State::Heartbeating => Style::Good,
        State::Lost => Style::Bad,
        State::Unhealthy | State::Left | State::Unreachable | State::Rebooting => Style::Doubtful,
        State::Waiting => Style::Dim,
    }
}

/// What was done: at length while it is open, in short afterwards. Notes are gone with their
/// chapter.
fn story(play: &Play, view: View) -> Vec<Line> {
    let is_chapter = |entry: &Entry| matches!(entry, Entry::Chapter(_));
    let chapter = play.story.iter().rposition(is_chapter).unwrap_or_default();
    let lines = play.story.iter().enumerate().flat_map(|(index, entry)| match entry {
        Entry::Chapter(title) => vec![Line::default().put(Style::Bold, format!(" {title}"))],
        Entry::Note(_) if index < chapter => Vec::new(),
        Entry::Note(text) => vec![Line::plain(format!(" - {text}"))],
        Entry::Scene(index) => {
            let scene = &play.scenes[*index];
            let name = &play.guests[scene.guest].name;
            match &scene.verdict {
                Some(verdict) => {
                    let mut lines = fresh(scene, name, view);
                    lines.push(settled(scene, name, verdict, view));
                    lines
                }
                None => open(scene, name, play.interval, view),
            }
        }
    });
    lines.collect()
}

/// What was done, for a while: some things are settled before anybody can read what they are.
fn fresh(scene: &Scene, name: &str, view: View) -> Vec<Line> {
    let is_fresh = view.now.saturating_duration_since(scene.at) < NEWS;
    if is_fresh { done(scene, name, view) } else { Vec::new() }
}

fn settled(scene: &Scene, name: &str, verdict: &Verdict, view: View) -> Line {
    let (style, mark) = mark(verdict.right, view.look);
    let text = format!(" {name} {}: {}", scene.what.short(), verdict.detected);
    let by = words::found_by(scene).map(|by| format!(" ({by})")).unwrap_or_default();
    let used = mark.chars().count() + 1 + text.chars().count();
    let fits = used + by.chars().count() <= view.columns;
    let line = Line::plain(" ").put(style, mark).put(Style::Plain, text);
    if fits { line.put(Style::Dim, by) } else { line }
}

fn open(scene: &Scene, name: &str, interval: Duration, view: View) -> Vec<Line> {
    let since = view.now.saturating_duration_since(scene.at).as_secs_f64();
    let rule = format!("{since:.1} s; right: {}", scene.what.rule(interval));
    let rule = wrap(&rule, view.columns.saturating_sub(3)).into_iter();
    let rule = rule.map(|text| Line::plain(format!("   {text}")));
    done(scene, name, view).into_iter().chain(rule).collect()
}

fn done(scene: &Scene, name: &str, view: View) -> Vec<Line> {
    let text = format!("{name}: {}", scene.what.done());
    let lines = wrap(&text, view.columns.saturating_sub(3)).into_iter().enumerate();
    let lines = lines.map(|(index, text)| {
        let bullet = if index == 0 { " > " } else { "   " };
        Line::default().put(Style::Bold, format!("{bullet}{text}"))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use protocol::InstanceId;
    use protocol::channel::EventType;
    use protocol::vim::{AlarmState, GuestResponse};

    use super::*;
    use crate::clock;
    use crate::demo::scene::What;
    use crate::demo::told::{Kind, Said, Told};
    use crate::vim::Consequence;

    const LOOK: Look = Look { colour: false, unicode: true };

    fn told(at: Instant, guest: usize, kind: Kind) -> Told {
        Told { at, id: InstanceId::numbered(guest as u64), kind, reason: String::new() }
    }

    /// Six guests have something done to them.
    fn play(guests: usize) -> Play {
        let guest =
            |n| Guest::new(format!("guest-{}", n + 1), n % 2, InstanceId::numbered(n as u64));
        let guests = (0..guests).map(guest).collect();
        let mut play = Play::new(clock::now(), Duration::from_secs(1), guests);
        let at = play.started;
        play.chapter("1. All begins");
        play.note("guestAgent listens");
        for guest in 0..play.guests.len() {
            play.begin(at, What::Start, guest);
            play.heard(at, guest, Said::Answer);
            play.told(told(at, guest, Kind::Running), |_| true);
        }
        play.judge(at);
        play.chapter("2. All ends");
        let faults =
            [What::Kill, What::Freeze, What::Leave, What::Restart, What::KillQemu, What::VoteStop];
        for (guest, what) in faults.into_iter().enumerate() {
            play.begin(at, what, guest);
        }
        play.told(told(at, 0, Kind::Stopped), |_| true);
        play
    }

    fn shown(play: &Play, columns: usize, rows: usize) -> Vec<Line> {
        frame(play, &Usages::default(), play.started, Size { columns, rows }, LOOK)
    }

    fn text(lines: &[Line]) -> String {
        lines.iter().map(|line| line.paint(LOOK) + "\n").collect()
    }

    #[test]
    fn it_fits_any_terminal() {
        for guests in [6, 8, 100] {
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
        assert!(text.contains("> guest-6: the VIM asks it (vote)"), "{text}");
        assert!(!text.contains("> guest-1: its client is killed"), "{text}");
        let text = self::text(&shown(&play(8), 80, 60));
        assert!(!text.contains("guestAgent listens"), "{text}");
        assert!(text.contains(" 2. All ends\n > guest-1: its client is killed"), "{text}");
    }

    #[test]
    fn what_is_settled_takes_one_line_with_its_mark() {
        let mut play = play(6);
        play.judge(play.started + Duration::from_mins(1));
        let later = play.started + Duration::from_mins(1);
        let size = Size { columns: 80, rows: 24 };
        let text = text(&frame(&play, &Usages::default(), later, size, LOOK));
        assert!(text.contains(" ✗ guest-2 frozen: the VIM hears nothing\n"), "{text}");
        assert!(!text.contains("right:") && !text.contains(" > "), "{text}");
    }

    #[test]
    fn what_is_settled_at_once_can_be_read_for_a_while() {
        let mut play = play(6);
        let allowed = Consequence::Allowed(EventType::Reboot);
        play.begin(play.started, What::VoteReboot, 0);
        let answer = Kind::Answer(GuestResponse::Allow, allowed);
        play.told(told(play.started, 0, answer), |_| true);
        play.judge(play.started);
        let text = text(&shown(&play, 80, 40));
        assert!(text.contains(" > guest-1: the VIM asks it (vote) whether"), "{text}");
        assert!(text.contains(" ✓ guest-1 asked to reboot: allow after 0.0 ms"), "{text}");
    }

    #[test]
    fn the_table_says_what_the_vim_makes_of_it_and_on_a_wide_terminal_how_long_ago() {
        let mut play = play(6);
        let at = play.started;
        let alarm = Kind::Alarm(AlarmState::Failed, Consequence::Reboots);
        let off = Kind::Answer(GuestResponse::Reject, Consequence::CalledOff(EventType::Stop));
        play.told(told(at, 0, alarm), |_| true);
        play.told(told(at, 5, off), |_| true);
        let text = text(&shown(&play, 80, 40));
        assert!(text.contains("lost                -      2 failed -> reboots it\n"), "{text}");
        assert!(text.contains(" reject -> stop is called off\n"), "{text}");
        let later = at + Duration::from_secs(3);
        let wide = Size { columns: 120, rows: 40 };
        let text = self::text(&frame(&play, &Usages::default(), later, wide, LOOK));
        assert!(text.contains(" failed -> reboots it, 3 s ago\n"), "{text}");
    }
}

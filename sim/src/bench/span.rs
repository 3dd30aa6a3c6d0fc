//! Spans of real time: a bench waits for time to pass, and shows that it does.

use std::time::{Duration, Instant};

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};

use crate::clock;

const STEP: Duration = Duration::from_millis(100);
const POLL: Duration = Duration::from_millis(5);

/// Lets `span` pass, with a bar.
pub(super) fn pass(span: Duration, what: &str, progress: bool) {
    let bar = bar(span, what, progress);
    let start = clock::now();
    while let Some(left) = span.checked_sub(clock::now() - start).filter(|left| !left.is_zero()) {
        sleep(left.min(STEP));
        bar.set_position((clock::now() - start).as_millis().try_into().unwrap_or(u64::MAX));
    }
    bar.finish_and_clear();
}

/// Waits until `reached` says so; returns when that was.
pub(super) fn wait_for(
    what: &str,
    at_most: Duration,
    mut reached: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<Instant> {
    let start = clock::now();
    while !reached()? {
        if clock::now() - start > at_most {
            bail!("waited {} s for {what}", at_most.as_secs());
        }
        sleep(POLL);
    }
    Ok(clock::now())
}

#[expect(clippy::disallowed_methods, reason = "a bench measures spans of real time")]
fn sleep(time: Duration) {
    std::thread::sleep(time);
}

fn bar(span: Duration, what: &str, progress: bool) -> ProgressBar {
    if !progress {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg:44} {bar:24} {elapsed} (then next)");
    let bar = ProgressBar::new(span.as_millis().try_into().unwrap_or(u64::MAX));
    bar.with_style(style.expect("a template that was tried")).with_message(what.to_owned())
}

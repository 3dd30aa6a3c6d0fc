//! What the client says of the guest's health when it is challenged.

use std::time::{Duration, Instant};

use protocol::channel::{ChallengeResponse, CorrectiveAction, Health, LogMsg};

/// Time after which a guest that is still unhealthy asks for its corrective action again.
const REPEAT: Duration = Duration::from_mins(1);

/// The outcome of a health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthReport {
    /// How the guest is.
    pub health: Health,
    /// What to do about it; counts only when unhealthy.
    pub corrective_action: CorrectiveAction,
    /// Why, for people.
    pub log_msg: LogMsg,
}

impl HealthReport {
    /// All is well.
    pub fn healthy() -> Self {
        Self {
            health: Health::Healthy,
            corrective_action: CorrectiveAction::None,
            log_msg: LogMsg::default(),
        }
    }

    /// Something is wrong.
    pub fn unhealthy(corrective_action: CorrectiveAction, log_msg: &str) -> Self {
        Self { health: Health::Unhealthy, corrective_action, log_msg: LogMsg::new(log_msg) }
    }

    /// Whether something is wrong.
    pub fn is_unhealthy(&self) -> bool {
        self.health == Health::Unhealthy
    }

    /// What several say together: unhealthy if one is, with the most severe action and the words of
    /// the first who wants it.
    pub(super) fn merge<'a>(reports: impl Iterator<Item = &'a Self>) -> Self {
        let mut merged = Self::healthy();
        for report in reports.filter(|report| report.health == Health::Unhealthy) {
            let first = merged.health == Health::Healthy;
            if first || severity(report.corrective_action) > severity(merged.corrective_action) {
                merged = report.clone();
            }
        }
        merged
    }
}

fn severity(action: CorrectiveAction) -> u8 {
    match action {
        CorrectiveAction::Stop => 4,
        CorrectiveAction::Reboot => 3,
        CorrectiveAction::Log => 2,
        CorrectiveAction::None => 1,
        CorrectiveAction::Unknown => 0,
    }
}

/// The present health and when its action was last asked for.
#[derive(Debug)]
pub(super) struct Condition {
    report: HealthReport,
    asked: Option<(CorrectiveAction, Instant)>,
}

impl Condition {
    pub(super) fn healthy() -> Self {
        Self { report: HealthReport::healthy(), asked: None }
    }

    pub(super) fn update(&mut self, report: HealthReport) {
        if report.health == Health::Healthy {
            self.asked = None;
        }
        self.report = report;
    }

    /// The answer to a challenge. `configured` is the corrective action of the init, which healthy
    /// answers carry.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        challenge: u32,
        configured: CorrectiveAction,
    ) -> ChallengeResponse {
        let corrective_action = match self.report.health {
            Health::Healthy => configured,
            Health::Unhealthy => self.action_to_ask(now),
        };
        ChallengeResponse {
            heartbeat_response: challenge,
            heartbeat_health: self.report.health,
            corrective_action: Some(corrective_action),
            log_msg: self.report.log_msg.clone(),
        }
    }

    /// The action, or `none` if the same one was asked for less than a minute ago: each answer with
    /// an action is an alarm of its own at the controller.
    fn action_to_ask(&mut self, now: Instant) -> CorrectiveAction {
        let action = self.report.corrective_action;
        let repeated = self
            .asked
            .is_some_and(|(last, at)| last == action && now.saturating_duration_since(at) < REPEAT);
        if repeated {
            return CorrectiveAction::None;
        }
        self.asked = Some((action, now));
        action
    }
}

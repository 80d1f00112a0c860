//! What is wrong with a policy that its types can't tell.

use std::{collections::BTreeMap, fmt};

use jiff::tz::TimeZone;

use super::{
    Policy,
    glob::is_pattern,
    selector::{Selector, segments},
};
use crate::{approval::ApprovalRules, resource::AccountId};

/// Something wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The place, such as `waivers[0].owner`.
    pub path: String,
    /// What is wrong there, and what to do.
    pub what: String,
}

impl Problem {
    /// Of a text that begins with the place in backticks.
    fn of_text(text: &str) -> Self {
        let (path, what) =
            text.strip_prefix('`').and_then(|text| text.split_once("` ")).unwrap_or(("", text));
        Self { path: path.to_owned(), what: what.to_owned() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path, self.what)
    }
}

/// Everything wrong with a policy, at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError(pub Vec<Problem>);

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the policy is not usable: ")?;
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyError {}

impl Policy {
    /// Checks what the types can't: waivers say who and why and pick something, known controls, units and time zones only,
    /// spans and limits that are not empty. `known` tells a control's id from a typing error.
    ///
    /// # Errors
    /// A [`PolicyError`] that lists everything that is wrong.
    pub fn check(&self, known: impl Fn(&str) -> bool) -> Result<(), PolicyError> {
        let mut wrong = Wrong(Vec::new());
        for (index, waiver) in self.waivers.iter().enumerate() {
            let place = |field: &str| format!("waivers[{index}].{field}");
            if waiver.owner.trim().is_empty() {
                wrong.at(place("owner"), "is empty; say who answers for the waiver");
            }
            if waiver.reason.trim().is_empty() {
                wrong.at(place("reason"), "is empty; say why");
            }
            if waiver.selector.is_everything() {
                wrong.at(place("match"), "picks everything; set `mode: off` instead");
            }
        }
        for (place, selector) in self.selectors() {
            self.check_selector(&place, selector, &known, &mut wrong);
        }
        for (index, selector) in self.scope.exclude.iter().enumerate() {
            if selector.is_everything() {
                wrong.at(format!("scope.exclude[{index}]"), "picks everything; set `mode: off` instead");
            }
        }
        self.check_organization(&mut wrong);
        self.check_times(&mut wrong);
        wrong.0.extend(self.limits.problems().iter().map(|text| Problem::of_text(text)));
        let approval = self.approval.iter().flat_map(ApprovalRules::wrong);
        wrong.0.extend(approval.map(|text| Problem::of_text(&text)));
        if wrong.0.is_empty() { Ok(()) } else { Err(PolicyError(wrong.0)) }
    }

    fn check_selector(
        &self,
        place: &str,
        selector: &Selector,
        known: &impl Fn(&str) -> bool,
        wrong: &mut Wrong,
    ) {
        if let Some(control) = selector.control.as_deref().filter(|control| !known(control)) {
            wrong.at(
                format!("{place}.control"),
                format!("names `{control}`, which is not a control; `plumb controls list` has them"),
            );
        }
        if let Some(account) = selector.account.as_deref()
            && !is_pattern(account)
            && AccountId::parse(account).is_err()
        {
            wrong.at(
                format!("{place}.account"),
                format!("is `{account}`; an account has twelve digits, in quotes"),
            );
        }
        if let Some(ou) = selector.ou.as_deref()
            && (segments(ou).next().is_none() || !self.organization.knows(ou))
        {
            wrong.at(
                format!("{place}.ou"),
                format!("names `{ou}`, which `organization.ou` doesn't list; add it with its accounts"),
            );
        }
        for (field, text) in [("resource", &selector.resource), ("region", &selector.region)] {
            if text.as_deref().is_some_and(str::is_empty) {
                wrong.at(format!("{place}.{field}"), "is empty; leave it out to match any");
            }
        }
    }

    fn check_organization(&self, wrong: &mut Wrong) {
        let mut seen: BTreeMap<&AccountId, &str> = BTreeMap::new();
        for (path, accounts) in &self.organization.ou {
            for (index, account) in accounts.iter().enumerate() {
                if let Some(other) = seen.insert(account, path) {
                    wrong.at(
                        format!("organization.ou.{path}[{index}]"),
                        format!("is `{account}`, which is also in `{other}`; an account is in one unit"),
                    );
                }
            }
        }
    }

    fn check_times(&self, wrong: &mut Wrong) {
        for (index, window) in self.windows.iter().enumerate() {
            let place = format!("windows[{index}]");
            if TimeZone::get(&window.zone).is_err() {
                let zone = &window.zone;
                wrong.at(
                    format!("{place}.zone"),
                    format!("is `{zone}`; give an IANA time zone, such as Europe/Berlin"),
                );
            }
            if window.open.is_empty() {
                wrong.at(
                    format!("{place}.open"),
                    "is empty, so no change could ever be made; set `mode: off` instead",
                );
            }
            for (at, span) in window.open.iter().enumerate() {
                if span.is_empty() {
                    wrong.at(
                        format!("{place}.open[{at}]"),
                        "begins when it ends; leave `from` and `to` out for the whole day",
                    );
                }
            }
        }
        for (index, rule) in self.calendars.iter().enumerate() {
            if rule.calendar.trim().is_empty() {
                wrong.at(format!("calendars[{index}].calendar"), "is empty; give a name or an ARN");
            }
        }
    }
}

struct Wrong(Vec<Problem>);

impl Wrong {
    fn at(&mut self, path: impl Into<String>, what: impl Into<String>) {
        self.0.push(Problem { path: path.into(), what: what.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_told_at_once_with_its_place() {
        let policy: Policy = serde_json::from_str(
            r#"{
                "rules": [{"match": {"control": "nonesuch", "account": "12", "ou": "Nowhere"}, "mode": "auto"}],
                "waivers": [{"match": {}, "owner": " ", "reason": "", "expires": "2027-01-01T00:00:00Z"}],
                "scope": {"exclude": [{}]},
                "windows": [{"zone": "Middle/Earth", "open": []}, {"zone": "UTC", "open": [{"from": "08:00", "to": "08:00"}]}],
                "calendars": [{"calendar": ""}],
                "organization": {"ou": {"A": ["123456789012"], "B": ["123456789012"]}},
                "limits": {"attempts": 0}
            }"#,
        )
        .unwrap();
        let PolicyError(wrong) = policy.check(|_| false).unwrap_err();
        let places: Vec<_> = wrong.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(
            places,
            [
                "waivers[0].owner",
                "waivers[0].reason",
                "waivers[0].match",
                "rules[0].match.control",
                "rules[0].match.account",
                "rules[0].match.ou",
                "scope.exclude[0]",
                "organization.ou.B[0]",
                "windows[0].zone",
                "windows[0].open",
                "windows[1].open[0]",
                "calendars[0].calendar",
                "limits.attempts",
            ]
        );
    }
}

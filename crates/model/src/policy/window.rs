//! When changes may be made: time windows and SSM Change Calendars.

use jiff::{SignedDuration, Timestamp, civil::Weekday, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::selector::Selector;

/// Changes to what the selector picks are made only while one of the spans is open. Where several windows pick a finding,
/// all have to be open, so that adding one never lets Plumb do more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Which findings; without it all.
    #[serde(default, rename = "match", skip_serializing_if = "Selector::is_everything")]
    pub selector: Selector,
    /// The IANA time zone of the spans, such as `Europe/Berlin`.
    pub zone: String,
    /// When changes may be made.
    pub open: Vec<Span>,
}

/// A span of time that comes back every week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The days on which it begins; without them every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Day>,
    /// When it begins, `00:00` without it.
    #[serde(default = "TimeOfDay::midnight")]
    pub from: TimeOfDay,
    /// When it ends, `24:00` without it. Earlier than `from`: on the next day.
    #[serde(default = "TimeOfDay::end")]
    pub to: TimeOfDay,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the days of the week")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// A time of day by the clock on the wall, `00:00` to `24:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

/// An SSM Change Calendar that has to be open for changes to what the selector picks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarRule {
    /// Which findings; without it all.
    #[serde(default, rename = "match", skip_serializing_if = "Selector::is_everything")]
    pub selector: Selector,
    /// The calendar document's name, or its ARN where it is shared from another account.
    pub calendar: String,
}

impl Window {
    /// Whether a span is open now; if not, when the next one opens.
    ///
    /// # Errors
    /// When the time zone is unknown.
    pub fn at(&self, now: Timestamp) -> Result<Opening, jiff::Error> {
        let zone = TimeZone::get(&self.zone)?;
        let local = now.to_zoned(zone.clone());
        let (today, minute) = (local.weekday(), minutes(&local));
        if self.open.iter().any(|span| span.covers(today, minute)) {
            return Ok(Opening::Open);
        }
        // A week and a day, because a span that began earlier today comes back in a week.
        let next = (0..=7_i64).find_map(|ahead| {
            let date = local.date().checked_add(SignedDuration::from_hours(24 * ahead)).ok()?;
            self.open
                .iter()
                .filter(|span| span.begins_on(date.weekday()))
                .filter_map(|span| {
                    date.at(span.from.hour(), span.from.minute(), 0, 0).to_zoned(zone.clone()).ok()
                })
                .map(|start| start.timestamp())
                .filter(|start| *start > now)
                .min()
        });
        Ok(Opening::Closed { opens: next })
    }
}

/// Whether a window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It is.
    Open,
    /// It is not.
    Closed {
        /// When it next opens.
        opens: Option<Timestamp>,
    },
}

fn minutes(local: &jiff::Zoned) -> u16 {
    u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs())
}

impl Span {
    /// Whether it begins when it ends, or after the day.
    pub(super) fn is_empty(&self) -> bool {
        self.from == self.to || self.from == TimeOfDay::end()
    }

    /// How many minutes it lasts.
    pub fn minutes(&self) -> u16 {
        let (from, to) = (self.from.0, self.to.0);
        if from < to { to - from } else { 24 * 60 - from + to }
    }

    fn covers(&self, today: Weekday, minute: u16) -> bool {
        let (from, to) = (self.from.0, self.to.0);
        if from < to {
            self.begins_on(today) && (from..to).contains(&minute)
        } else {
            (self.begins_on(today) && minute >= from) || (self.begins_on(today.previous()) && minute < to)
        }
    }

    fn begins_on(&self, weekday: Weekday) -> bool {
        self.days.is_empty() || self.days.iter().any(|day| day.weekday() == weekday)
    }
}

impl Day {
    fn weekday(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}

impl TimeOfDay {
    fn midnight() -> Self {
        Self(0)
    }

    fn end() -> Self {
        Self(24 * 60)
    }

    fn hour(self) -> i8 {
        i8::try_from(self.0 / 60 % 24).unwrap_or_default()
    }

    fn minute(self) -> i8 {
        i8::try_from(self.0 % 60).unwrap_or_default()
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let two = |part: &str| {
            let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse::<u16>().ok()).flatten()
        };
        let read = text.split_once(':').and_then(|(hour, minute)| Some((two(hour)?, two(minute)?)));
        match read {
            Some((hour, minute)) if minute < 60 && (hour < 24 || (hour, minute) == (24, 0)) => {
                Ok(Self(hour * 60 + minute))
            }
            _ => Err(format!("`{text}` is not a time of day; write it as '22:00', with the quotes")),
        }
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        format!("{:02}:{:02}", time.0 / 60, time.0 % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(window: &Window, now: &str) -> Opening {
        window.at(now.parse().unwrap()).unwrap()
    }

    fn window(json: &str) -> Window {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_window_is_open_by_the_clock_on_its_own_wall() {
        let nights =
            window(r#"{"zone":"Europe/Berlin","open":[{"days":["fri"],"from":"22:00","to":"04:00"}]}"#);
        // Berlin is two hours ahead of UTC in June: Friday 22:00 there is 20:00Z.
        assert_eq!(at(&nights, "2026-06-05T20:00:00Z"), Opening::Open);
        assert_eq!(at(&nights, "2026-06-06T01:59:59Z"), Opening::Open);
        let next = Some("2026-06-12T20:00:00Z".parse().unwrap());
        assert_eq!(at(&nights, "2026-06-06T02:00:00Z"), Opening::Closed { opens: next });
        let tonight = Some("2026-06-05T20:00:00Z".parse().unwrap());
        assert_eq!(at(&nights, "2026-06-05T19:59:00Z"), Opening::Closed { opens: tonight });
        // And one hour ahead in January.
        assert_eq!(at(&nights, "2027-01-01T21:00:00Z"), Opening::Open);
        assert!(matches!(at(&nights, "2027-01-01T20:30:00Z"), Opening::Closed { .. }));
    }

    #[test]
    fn spans_are_alternatives_and_default_to_the_whole_day() {
        let weekend = window(r#"{"zone":"UTC","open":[{"days":["sat"]},{"days":["mon"],"to":"06:00"}]}"#);
        assert_eq!(at(&weekend, "2026-06-06T23:59:00Z"), Opening::Open);
        assert!(matches!(at(&weekend, "2026-06-07T00:00:00Z"), Opening::Closed { .. }));
        assert_eq!(at(&weekend, "2026-06-08T05:59:00Z"), Opening::Open);
    }

    #[test]
    fn a_time_of_day_is_four_digits() {
        for (text, valid) in
            [("00:00", true), ("24:00", true), ("24:01", false), ("7:00", false), ("22:60", false)]
        {
            assert_eq!(TimeOfDay::try_from(text.to_owned()).is_ok(), valid, "{text}");
        }
    }
}

//! SSM Change Calendars: documents with an iCalendar text, and whether they are open.
//!
//! A calendar is open by default and closed during its events, or the other way round
//! ([`GetCalendarState`](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCalendarState.html)). Events
//! that come back (`RRULE`) are refused.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::{Value, json};

use super::{library::short_name, required};
use crate::{
    members::{text, texts},
    service::{AwsError, Request},
};

/// The calendars by Region and name.
#[derive(Debug, Default)]
pub(super) struct Calendars(Mutex<BTreeMap<(String, String), Calendar>>);

#[derive(Debug, Clone)]
struct Calendar {
    open_by_default: bool,
    /// From when until when.
    events: Vec<(Timestamp, Timestamp)>,
}

impl Calendars {
    /// Answers a request that is about a calendar; `None` for any other.
    pub(super) fn handle(&self, request: &Request) -> Option<Result<Value, AwsError>> {
        match request.operation.as_str() {
            "GetCalendarState" => Some(self.state(request)),
            "CreateDocument" if text(&request.body, "DocumentType") == Some("ChangeCalendar") => {
                Some(self.put(request))
            }
            "UpdateDocument" if self.has(request) => Some(self.put(request)),
            "DeleteDocument" if self.has(request) => {
                self.all().remove(&key(request, text(&request.body, "Name")?));
                Some(Ok(json!({})))
            }
            _ => None,
        }
    }

    fn put(&self, request: &Request) -> Result<Value, AwsError> {
        let name = required(request, "Name")?;
        let calendar = read(required(request, "Content")?)?;
        let mut all = self.all();
        let key = key(request, name);
        if request.operation == "CreateDocument" && all.contains_key(&key) {
            let message = format!("Document with name {name} already exists.");
            return Err(AwsError::client("DocumentAlreadyExists", message));
        }
        all.insert(key, calendar);
        Ok(json!({ "DocumentDescription": {
            "Name": name, "DocumentType": "ChangeCalendar", "DocumentFormat": "TEXT", "Status": "Active", "Owner": request.account,
        } }))
    }

    fn state(&self, request: &Request) -> Result<Value, AwsError> {
        let at = match text(&request.body, "AtTime") {
            None => Timestamp::now(),
            Some(time) => time.parse().map_err(|_| {
                AwsError::client("ValidationException", format!("`AtTime` is `{time}`, no ISO 8601 time"))
            })?,
        };
        let all = self.all();
        let (mut open, mut next) = (true, None);
        for name in texts(&request.body, "CalendarNames") {
            let calendar = all.get(&key(request, name)).ok_or_else(|| {
                AwsError::client("InvalidDocument", format!("there is no change calendar `{name}`"))
            })?;
            open &= calendar.is_open(at);
            next = [next, calendar.next(at)].into_iter().flatten().min();
        }
        let mut answer = json!({ "State": if open { "OPEN" } else { "CLOSED" }, "AtTime": at });
        if let (Some(next), Some(answer)) = (next, answer.as_object_mut()) {
            answer.insert("NextTransitionTime".to_owned(), json!(next));
        }
        Ok(answer)
    }

    fn has(&self, request: &Request) -> bool {
        text(&request.body, "Name").is_some_and(|name| self.all().contains_key(&key(request, name)))
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<(String, String), Calendar>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(request: &Request, name: &str) -> (String, String) {
    (request.region.clone(), short_name(name).to_owned())
}

impl Calendar {
    fn is_open(&self, at: Timestamp) -> bool {
        let during = self.events.iter().any(|(from, until)| (*from..*until).contains(&at));
        self.open_by_default != during
    }

    fn next(&self, at: Timestamp) -> Option<Timestamp> {
        let ends = self.events.iter().flat_map(|(from, until)| [*from, *until]);
        ends.filter(|end| *end > at && self.is_open(*end) != self.is_open(at)).min()
    }
}

/// Reads an iCalendar text as Change Calendar writes it.
fn read(content: &str) -> Result<Calendar, AwsError> {
    let wrong = |why: String| AwsError::client("InvalidDocumentContent", why);
    // A line that begins with a space goes on with the one before.
    let unfolded = content.replace("\r\n", "\n").replace("\n ", "");
    let (mut open_by_default, mut events, mut begins) = (None, Vec::new(), None);
    for line in unfolded.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let (name, parameters) = name.split_once(';').unwrap_or((name, ""));
        match name {
            "X-CALENDAR-TYPE" => open_by_default = Some(value.trim() == "DEFAULT_OPEN"),
            "RRULE" => return Err(wrong("plumb local knows no events that come back (RRULE)".to_owned())),
            "DTSTART" => begins = Some(time(parameters, value).map_err(wrong)?),
            "DTEND" => {
                let begins =
                    begins.take().ok_or_else(|| wrong("an event has no DTSTART before DTEND".to_owned()))?;
                events.push((begins, time(parameters, value).map_err(wrong)?));
            }
            _ => {}
        }
    }
    let open_by_default = open_by_default
        .ok_or_else(|| wrong("X-CALENDAR-TYPE is missing: DEFAULT_OPEN or DEFAULT_CLOSED".to_owned()))?;
    Ok(Calendar { open_by_default, events })
}

/// `20260601T120000Z`, or without the `Z` in the time zone of `TZID=`.
fn time(parameters: &str, value: &str) -> Result<Timestamp, String> {
    let wrong = || format!("`{value}` is no time such as 20260601T120000Z");
    let value = value.trim();
    let local = DateTime::strptime("%Y%m%dT%H%M%S", value.trim_end_matches('Z')).map_err(|_| wrong())?;
    let zone = parameters.split(';').find_map(|parameter| parameter.strip_prefix("TZID="));
    let zone = match zone {
        Some(name) if !value.ends_with('Z') => TimeZone::get(name).map_err(|error| error.to_string())?,
        _ => TimeZone::UTC,
    };
    local.to_zoned(zone).map(|zoned| zoned.timestamp()).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_closes_a_calendar_that_is_open_by_default_and_the_other_way_round() {
        let text = |kind: &str| {
            format!(
                "BEGIN:VCALENDAR\r\nPRODID:-//AWS//Change Calendar 1.0//EN\r\nVERSION:2.0\r\nX-CALENDAR-TYPE:{kind}\r\nBEGIN:VEVENT\r\n\
                 DTSTART;TZID=Europe/Berlin:20260601T100000\r\nDTEND:20260601T\r\n 120000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
            )
        };
        let at = |time: &str| time.parse::<Timestamp>().unwrap();
        for (kind, open) in [("DEFAULT_OPEN", true), ("DEFAULT_CLOSED", false)] {
            let calendar = read(&text(kind)).unwrap();
            for (time, during) in [
                ("2026-06-01T07:59:59Z", false),
                ("2026-06-01T08:00:00Z", true),
                ("2026-06-01T11:59:59Z", true),
                ("2026-06-01T12:00:00Z", false),
            ] {
                assert_eq!(calendar.is_open(at(time)), open != during, "{kind} {time}");
            }
            assert_eq!(calendar.next(at("2026-06-01T09:00:00Z")), Some(at("2026-06-01T12:00:00Z")));
            assert_eq!(calendar.next(at("2026-06-01T12:00:00Z")), None);
        }
        assert!(read("X-CALENDAR-TYPE:DEFAULT_OPEN\nRRULE:FREQ=DAILY\n").is_err());
        assert!(read("BEGIN:VCALENDAR\n").is_err());
    }
}

//! One message instead of many: what happened since the last digest, counted by control and state.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use plumb_model::{Severity, State};
use plumb_ports::tell::{Line, Message};
use uuid::Uuid;

use crate::words::{advice, subject, word};

/// How many resources of a row are named.
const NAMED: usize = 3;

/// Everything that one digest says.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    seen: BTreeSet<Uuid>,
    rows: BTreeMap<(std::cmp::Reverse<Severity>, String, String), Row>,
    expired: BTreeSet<String>,
    unreadable: usize,
    worst: Option<Severity>,
}

#[derive(Debug)]
struct Row {
    to: State,
    resources: BTreeSet<String>,
    number: usize,
}

impl Collected {
    /// Takes a line in; one that is there already counts once.
    pub(crate) fn add(&mut self, line: Option<Line>) {
        match line {
            Some(Line::Transition { id, control, severity, to, resource, .. }) => {
                if !self.seen.insert(id) {
                    return;
                }
                self.worst = self.worst.max(Some(severity));
                let row = self
                    .rows
                    .entry((std::cmp::Reverse(severity), control, word(to)))
                    .or_insert_with(|| Row { to, resources: BTreeSet::new(), number: 0 });
                row.number += 1;
                if row.resources.len() < NAMED {
                    row.resources.insert(resource.id);
                }
            }
            Some(Line::WaiverExpired { owner, reason, covered, expired }) => {
                self.expired.insert(format!("{covered}: {owner}, until {expired} ({reason})"));
            }
            None => self.unreadable += 1,
        }
    }

    /// The message; none if there is nothing to say.
    pub(crate) fn message(&self) -> Option<Message> {
        let number: usize = self.rows.values().map(|row| row.number).sum();
        if number + self.expired.len() + self.unreadable == 0 {
            return None;
        }
        let mut text = String::new();
        for ((severity, control, to), row) in &self.rows {
            let named = row.resources.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = row.number.saturating_sub(row.resources.len());
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            let severity = word(severity.0);
            let _ =
                writeln!(text, "{:>6}  {severity:<8}  {control}: {to}\n        {named}{more}", row.number);
        }
        for state in self.rows.values().map(|row| word(row.to)).collect::<BTreeSet<_>>() {
            if let Some(row) = self.rows.values().find(|row| word(row.to) == state) {
                let _ = write!(text, "\n{state}: {}", advice(row.to));
            }
        }
        if !self.expired.is_empty() {
            text.push_str("\n\nWaivers that have ended and stopped counting:\n");
            for waiver in &self.expired {
                let _ = writeln!(text, "- {waiver}");
            }
        }
        if self.unreadable > 0 {
            let _ =
                writeln!(text, "\n{} more could not be read (written by another version).", self.unreadable);
        }
        text.push_str("\nMore: plumb status, plumb history RESOURCE\n");
        let expired = match self.expired.len() {
            0 => String::new(),
            waivers => format!(", {waivers} waivers ended"),
        };
        let mut attributes = vec![("kind", "digest".to_owned())];
        attributes.extend(self.worst.map(|worst| ("severity", word(worst))));
        Some(Message { subject: subject(&format!("Plumb: {number} changes{expired}")), text, attributes })
    }
}

#[cfg(test)]
mod tests {
    use plumb_model::{AccountId, Region, ResourceRef};

    use super::*;

    fn line(id: u128, resource: &str) -> Line {
        Line::Transition {
            id: Uuid::from_u128(id),
            control: "bucket-tls-only".to_owned(),
            severity: Severity::Medium,
            to: State::Fixed,
            resource: ResourceRef {
                account: AccountId::parse("123456789012").unwrap(),
                region: Region::parse("us-east-1").unwrap(),
                kind: "AWS::S3::Bucket".to_owned(),
                id: resource.to_owned(),
            },
            reason: "why".to_owned(),
        }
    }

    #[test]
    fn a_thousand_lines_are_one_row_and_repeats_count_once() {
        let mut collected = Collected::default();
        for number in 0..1000 {
            collected.add(Some(line(number, &format!("bucket-{number:04}"))));
            collected.add(Some(line(number, &format!("bucket-{number:04}"))));
        }
        let message = collected.message().unwrap();
        assert_eq!(message.subject, "Plumb: 1000 changes");
        assert!(
            message.text.contains("bucket-0000, bucket-0001, bucket-0002 and 997 more"),
            "{}",
            message.text
        );
        assert!(message.text.len() < 1000, "{}", message.text.len());
    }

    #[test]
    fn nothing_to_say_is_no_message() {
        assert_eq!(Collected::default().message(), None);
    }
}

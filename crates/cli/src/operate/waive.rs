//! `plumb waive`: a waiver more in a policy file, of which everything else stays byte for byte.

use std::{fs, io::Write};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use plumb_model::Policy;
use serde_json::{Value, json};

use super::Waive;
use crate::{failure::Failure, output::json_pretty};

pub(crate) fn run(out: &mut dyn Write, arguments: &Waive, json: bool, now: Timestamp) -> Result<(), Failure> {
    let file = arguments.policy.display();
    let text = fs::read_to_string(&arguments.policy)
        .map_err(|error| Failure::Usage(format!("the policy `{file}`: {error}")))?;
    let waiver = Entry::new(arguments, now)?;
    let written = added(&text, &waiver).map_err(|why| {
        Failure::Usage(format!("the policy `{file}`: {why}; add by hand:\n{}", waiver.yaml("  ")))
    })?;
    fs::write(&arguments.policy, written)
        .map_err(|error| Failure::Failed(format!("the policy `{file}`: {error}")))?;
    if json {
        return json_pretty(out, &json!({ "file": arguments.policy, "waiver": waiver.value() }));
    }
    writeln!(out, "added to `{file}`:\n{}", waiver.yaml("  ").trim_end())?;
    Ok(writeln!(out, "it counts once the policy is deployed, until {}", waiver.expires)?)
}

/// A waiver to be written.
struct Entry {
    selector: Vec<(&'static str, String)>,
    owner: String,
    reason: String,
    expires: Timestamp,
}

impl Entry {
    fn new(arguments: &Waive, now: Timestamp) -> Result<Self, Failure> {
        let usage = |why: String| Failure::Usage(why);
        let selector: Vec<_> = [
            ("resource", &arguments.resource),
            ("control", &arguments.control),
            ("account", &arguments.account),
            ("region", &arguments.region),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.clone()?)))
        .collect();
        if selector.is_empty() {
            return Err(usage("say what is waived: --resource, --control, --account or --region".to_owned()));
        }
        if let Some(control) = &arguments.control
            && plumb_catalogue::control(control).is_none()
        {
            return Err(usage(format!("there is no control `{control}`; `plumb controls list` shows them")));
        }
        for (name, text) in [("--owner", &arguments.owner), ("--reason", &arguments.reason)] {
            if text.trim().is_empty() {
                return Err(usage(format!("{name} is empty: a waiver says who answers for it, and why")));
            }
        }
        let expires = time(&arguments.expires).ok_or_else(|| {
            usage(format!("--expires `{}` is neither a date (2027-03-31) nor a time", arguments.expires))
        })?;
        if expires <= now {
            return Err(usage(format!("--expires {expires} is in the past: the waiver would never count")));
        }
        let (owner, reason) = (arguments.owner.clone(), arguments.reason.clone());
        Ok(Self { selector, owner, reason, expires })
    }

    /// As an item of a list, `indent` before its hyphen. JSON's strings are YAML's.
    fn yaml(&self, indent: &str) -> String {
        let quoted = |text: &str| Value::String(text.to_owned()).to_string();
        let selector: Vec<_> =
            self.selector.iter().map(|(name, value)| format!("{name}: {}", quoted(value))).collect();
        format!(
            "{indent}- match: {{{}}}\n{indent}  owner: {}\n{indent}  reason: {}\n{indent}  expires: {}\n",
            selector.join(", "),
            quoted(&self.owner),
            quoted(&self.reason),
            self.expires
        )
    }

    fn value(&self) -> Value {
        let selector: serde_json::Map<_, _> =
            self.selector.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        json!({ "match": selector, "owner": self.owner, "reason": self.reason, "expires": self.expires })
    }
}

/// The start of the day after a date, in UTC: the waiver counts on the day that is named. Or the time itself.
fn time(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().or_else(|| {
        let day = text.parse::<Date>().ok()?.tomorrow().ok()?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

/// The policy's text with the waiver at the end of its `waivers`. What it means is compared with what it meant: the
/// waiver more, and nothing else.
fn added(text: &str, waiver: &Entry) -> Result<String, String> {
    let odd = || "its `waivers` are written in a way that can't be added to".to_owned();
    let mut expected = meaning(text)?;
    let written = with(text, waiver);
    let after = meaning(&written).map_err(|_| odd())?;
    expected.waivers.push(after.waivers.last().cloned().ok_or_else(odd)?);
    if after == expected { Ok(written) } else { Err(odd()) }
}

fn meaning(text: &str) -> Result<Policy, String> {
    let policy: Policy = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    policy.check(|id| plumb_catalogue::control(id).is_some()).map_err(|error| error.to_string())?;
    Ok(policy)
}

fn with(text: &str, waiver: &Entry) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let Some(at) = lines.iter().position(|line| line.starts_with("waivers:")) else {
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        return format!("{text}{end}waivers:\n{}", waiver.yaml("  "));
    };
    let inline = lines.get(at).map_or("", |line| line.trim_start_matches("waivers:").trim());
    if (inline == "[]" || inline.starts_with("[] "))
        && let Some(line) = lines.get_mut(at)
    {
        let empty = line.replacen("[]", "", 1);
        empty.trim_end().clone_into(line);
    }
    // The list goes on as long as lines are indented, are items, are empty or are comments; it ends with its last item.
    let belongs = |line: &&String| line.starts_with([' ', '\t', '-', '#']) || line.trim().is_empty();
    let within = lines.iter().skip(at + 1).take_while(belongs).count();
    let of_items = |line: &String| !line.trim().is_empty() && !line.starts_with('#');
    let items = lines.iter().skip(at + 1).take(within);
    let last = items.clone().rposition(of_items).map_or(at, |last| at + 1 + last);
    let indent = items
        .clone()
        .find(|line| line.trim_start().starts_with('-'))
        .map_or_else(|| "  ".to_owned(), |line| line.chars().take_while(|c| *c == ' ').collect());
    let block: Vec<_> = waiver.yaml(&indent).lines().map(str::to_owned).collect();
    lines.splice(last + 1..=last, block);
    let mut joined = lines.join("\n");
    joined.push('\n');
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiver() -> Entry {
        Entry {
            selector: vec![("resource", "public-website".to_owned())],
            owner: "web team".to_owned(),
            reason: "it's \"public\": on purpose".to_owned(),
            expires: "2027-04-01T00:00:00Z".parse().unwrap(),
        }
    }

    const WRITTEN: &str = "match: {resource: \"public-website\"}\n";

    #[test]
    fn a_waiver_is_added_wherever_the_waivers_are_and_comments_stay() {
        let one = "  - match: {resource: a}\n    owner: o # who\n    reason: r\n    expires: 2027-01-01T00:00:00Z\n";
        for text in [
            String::new(),
            "mode: auto".to_owned(),
            "# ours\nmode: auto # careful\n".to_owned(),
            "waivers: []\nmode: auto\n".to_owned(),
            format!("waivers:\n{one}\n# limits\nlimits: {{attempts: 2}}\n"),
"waivers:\n- match: {resource: a}\n  owner: o # who\n  reason: r\n  expires: 2027-01-01T00:00:00Z\nmode: auto\n"
                .to_owned(),
            format!("mode: auto\nwaivers: # exemptions\n{one}"),
        ] {
            let before = meaning(&text).unwrap();
            let after = added(&text, &waiver()).unwrap_or_else(|why| panic!("{why}:\n{text}"));
            assert!(after.contains(WRITTEN), "{after}");
            assert_eq!(meaning(&after).unwrap().waivers.len(), before.waivers.len() + 1, "{after}");
            for comment in text.lines().filter_map(|line| line.split_once('#')).map(|(_, comment)| comment) {
                assert!(after.contains(comment), "{after}");
            }
        }
    }

    #[test]
    fn a_list_that_is_written_in_line_is_left_alone() {
        let text = "waivers: [{match: {resource: a}, owner: o, reason: r, expires: 2027-01-01T00:00:00Z}]\n";
        assert!(added(text, &waiver()).is_err());
    }

    #[test]
    fn a_day_counts_to_its_end() {
        assert_eq!(time("2027-03-31").unwrap().to_string(), "2027-04-01T00:00:00Z");
        assert_eq!(time("2027-03-31T10:00:00Z").unwrap().to_string(), "2027-03-31T10:00:00Z");
        assert_eq!(time("soon"), None);
    }
}

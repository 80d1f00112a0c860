//! Lambda functions on runtimes that AWS no longer patches.

use jiff::{Timestamp, civil::Date};

use crate::{Case, Kind, Listing, Parameter, Rule, Unjudged, Verdict, nothing};

const DAYS_AHEAD: Parameter = Parameter {
    name: "daysAhead",
    kind: Kind::Count(730),
    default: "0",
    docs: "how many days before its deprecation a runtime counts as deprecated",
};

const ALSO: Parameter = Parameter {
    name: "alsoDeprecated",
    kind: Kind::Texts,
    default: "",
    docs: "further runtimes that count as deprecated, such as those that AWS has announced since this version of Plumb",
};

pub(super) const RULE: Rule = Rule {
    name: "function-deprecated-runtime",
    title: "Lambda function on a deprecated runtime",
    docs: "The dates are those that AWS publishes; a runtime that this version of Plumb does not know counts as current. Functions of \
           container images have no runtime. \
           See <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>.",
    resource_type: "AWS::Lambda::Function",
    listing: Listing::Recorded,
    parameters: &[&DAYS_AHEAD, &ALSO],
    needs: nothing,
    judge,
};

/// Runtime and the day from which AWS no longer patches it.
const DEPRECATED: &[(&str, (i16, i8, i8))] = &[
    ("dotnet5.0", (2022, 5, 10)),
    ("dotnet6", (2024, 12, 20)),
    ("dotnet7", (2024, 5, 14)),
    ("dotnet8", (2026, 11, 10)),
    ("dotnet10", (2028, 11, 14)),
    ("dotnetcore1.0", (2019, 6, 27)),
    ("dotnetcore2.0", (2019, 5, 30)),
    ("dotnetcore2.1", (2022, 1, 5)),
    ("dotnetcore3.1", (2023, 4, 3)),
    ("go1.x", (2024, 1, 8)),
    ("java8", (2024, 1, 8)),
    ("java8.al2", (2027, 6, 30)),
    ("java11", (2027, 6, 30)),
    ("java17", (2027, 6, 30)),
    ("java21", (2029, 6, 30)),
    ("java25", (2029, 6, 30)),
    ("nodejs", (2016, 8, 30)),
    ("nodejs4.3", (2020, 3, 5)),
    ("nodejs4.3-edge", (2020, 3, 5)),
    ("nodejs6.10", (2019, 8, 12)),
    ("nodejs8.10", (2020, 3, 6)),
    ("nodejs10.x", (2021, 7, 30)),
    ("nodejs12.x", (2023, 3, 31)),
    ("nodejs14.x", (2023, 12, 4)),
    ("nodejs16.x", (2024, 6, 12)),
    ("nodejs18.x", (2025, 9, 1)),
    ("nodejs20.x", (2026, 4, 30)),
    ("nodejs22.x", (2027, 4, 30)),
    ("nodejs24.x", (2028, 4, 30)),
    ("provided", (2024, 1, 8)),
    ("provided.al2", (2026, 7, 31)),
    ("provided.al2023", (2029, 6, 30)),
    ("python2.7", (2021, 7, 15)),
    ("python3.6", (2022, 7, 18)),
    ("python3.7", (2023, 12, 4)),
    ("python3.8", (2024, 10, 14)),
    ("python3.9", (2025, 12, 15)),
    ("python3.10", (2026, 10, 31)),
    ("python3.11", (2027, 6, 30)),
    ("python3.12", (2028, 10, 31)),
    ("python3.13", (2029, 6, 30)),
    ("python3.14", (2029, 6, 30)),
    ("ruby2.5", (2021, 7, 30)),
    ("ruby2.7", (2023, 12, 7)),
    ("ruby3.2", (2026, 3, 31)),
    ("ruby3.3", (2027, 3, 31)),
    ("ruby3.4", (2028, 3, 31)),
    ("ruby4.0", (2029, 3, 31)),
];

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    let item = case.item;
    if item.text("packageType") == Some("Image") {
        return Ok(Verdict::not_applicable("a container image brings its own runtime"));
    }
    let runtime = item.required("runtime")?;
    if case.parameters.texts(&ALSO).contains(&runtime) {
        return Ok(Verdict::non_compliant(format!("the runtime {runtime} counts as deprecated here")));
    }
    let Some(date) = deprecation(runtime) else { return Ok(Verdict::Compliant) };
    let Some(day) = start_of(date) else {
        return Err(Unjudged(format!("the date {date} is out of range")));
    };
    let ahead = i64::from(case.parameters.count(&DAYS_AHEAD)) * 86_400;
    Ok(if day <= case.now.as_second().saturating_add(ahead) {
        Verdict::non_compliant(format!("the runtime {runtime} is deprecated from {date} on"))
    } else {
        Verdict::Compliant
    })
}

fn deprecation(runtime: &str) -> Option<Date> {
    let (_, (year, month, day)) = DEPRECATED.iter().find(|(name, _)| *name == runtime)?;
    Date::new(*year, *month, *day).ok()
}

/// Midnight UTC of a day, in seconds since 1970.
fn start_of(date: Date) -> Option<i64> {
    format!("{date}T00:00:00Z").parse::<Timestamp>().ok().map(Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_date_in_the_table_is_one() {
        for (runtime, _) in DEPRECATED {
            assert!(deprecation(runtime).and_then(start_of).is_some(), "{runtime}");
        }
    }
}

//! `plumb policy parameters`: what the template's parameters have to be for a policy.

use std::io::Write;

use serde_json::json;

use super::{arguments::PolicyFile, file};
use crate::{failure::Failure, output::json_pretty};

/// CloudFormation's limit for a parameter's value, in bytes
/// ([quotas](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html)).
const LONGEST_VALUE: usize = 4096;

pub(super) fn run(out: &mut dyn Write, arguments: &PolicyFile, as_json: bool) -> Result<(), Failure> {
    let policy = file::read_usable(&arguments.file)?;
    let off: Vec<_> = plumb_catalogue::controls().iter().filter(|control| policy.is_off(control)).collect();
    let without = off.iter().map(|control| control.id).collect::<Vec<_>>().join(",");
    // No quote that a shell or xargs would end its own at; in JSON it means the same.
    let policy = serde_json::to_string(&policy).map_err(std::io::Error::from)?.replace('\'', "\\u0027");
    if policy.len() > LONGEST_VALUE {
        return Err(Failure::Failed(format!(
            "as JSON the policy has {} bytes, and a parameter takes {LONGEST_VALUE}: deploy a shorter one, then this one by AppConfig \
             (`plumb policy json {}`)",
            policy.len(),
            arguments.file.display()
        )));
    }
    if as_json {
        return json_pretty(out, &json!({"Policy": policy, "ConfigRulesWithout": without}));
    }
    for (name, value) in [("Policy", policy), ("ConfigRulesWithout", without)] {
        writeln!(out, "'ParameterKey={name},ParameterValue={}'", json!(value))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use plumb_model::{Mode, ModeRule, Pillar, Policy, Selector};

    #[test]
    fn a_control_is_off_only_if_nothing_could_let_it_do_more() {
        let control = plumb_catalogue::control("volume-gp2").unwrap();
        let rule = |mode, selector: &Selector| ModeRule { selector: selector.clone(), mode };
        let all = Selector::default();
        let own = Selector { control: Some("volume-gp2".into()), ..all.clone() };
        let other = Selector { control: Some("key-without-rotation".into()), ..all.clone() };
        let pillar = Selector { pillar: Some(Pillar::CostOptimization), ..all.clone() };
        let prod = Selector { resource: Some("prod-*".into()), ..all.clone() };
        for (off, rules, mode) in [
            (true, vec![], Mode::Off),
            (false, vec![], Mode::Notify),
            (true, vec![rule(Mode::Off, &own)], Mode::Auto),
            (true, vec![rule(Mode::Off, &pillar)], Mode::Auto),
            (true, vec![rule(Mode::Off, &own), rule(Mode::Auto, &pillar)], Mode::Auto),
            (false, vec![rule(Mode::Off, &own), rule(Mode::Auto, &prod)], Mode::Off),
            (true, vec![rule(Mode::Off, &own), rule(Mode::Auto, &all)], Mode::Auto),
            (true, vec![rule(Mode::Auto, &other)], Mode::Off),
            (false, vec![rule(Mode::Off, &prod)], Mode::Notify),
        ] {
            let policy = Policy { rules: rules.clone(), mode, ..Policy::default() };
            assert_eq!(policy.is_off(control), off, "{rules:?} {mode:?}");
        }
    }
}

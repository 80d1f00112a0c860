//! The SSM documents.

use super::{
    definition::Definition,
    template::{logical, prefixed, tags, template},
    tree::Located,
    yaml::{Yaml, map, text},
};

/// How many documents CloudFormation creates at once: SSM throttles `CreateDocument`.
const AT_ONCE: usize = 5;

/// `infra/generated/runbooks.yaml`.
pub(crate) fn generate(controls: &[Definition]) -> String {
    let mut resources: Vec<(String, Yaml)> = Vec::new();
    for control in controls {
        for (suffix, document) in [("", &control.remediate), ("-rollback", &control.rollback)] {
            let name = format!("{}{suffix}", control.id);
            let earlier = resources.len().checked_sub(AT_ONCE).and_then(|index| resources.get(index));
            let after = earlier.map(|(id, _)| id.as_str());
            resources
                .push((format!("{}Document", logical(&name)), resource(control, &name, document, after)));
        }
    }
    template("Plumb: the runbooks, SSM Automation documents", vec![], vec![], resources, vec![])
}

fn resource(control: &Definition, name: &str, document: &Located, after: Option<&str>) -> Yaml {
    let properties = map([
        ("Name", prefixed(name)),
        ("DocumentType", text("Automation")),
        ("DocumentFormat", text("YAML")),
        ("UpdateMethod", text("NewVersion")),
        ("Tags", tags(&control.id)),
        ("Content", Yaml::from(document)),
    ]);
    let mut entries = vec![("Type", text("AWS::SSM::Document"))];
    if let Some(after) = after {
        entries.push(("DependsOn", text(after)));
    }
    entries.push(("Properties", properties));
    map(entries)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::codegen::registry;

    #[test]
    fn every_document_is_deployed_as_it_is_written() {
        let controls = registry::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))).unwrap();
        let template = Located::parse(&generate(&controls)).unwrap();
        let resources = template.get("Resources").unwrap().entries();
        let deployed =
            resources.iter().map(|(_, resource)| resource.get("Properties").unwrap().get("Content").unwrap());
        let written = controls.iter().flat_map(|control| [&control.remediate, &control.rollback]);
        assert_eq!(resources.len(), 2 * controls.len());
        for (deployed, written) in deployed.zip(written) {
            assert_eq!(Yaml::from(deployed), Yaml::from(written));
        }
    }
}

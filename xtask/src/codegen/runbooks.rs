//! The SSM documents.

use super::{
    definition::Definition,
    template::{logical, prefixed, tags, template},
    tree::Located,
    yaml::{Yaml, map, text},
};

/// `infra/generated/runbooks.yaml`.
pub(crate) fn generate(controls: &[Definition]) -> String {
    let mut resources = Vec::new();
    for control in controls {
        for (suffix, document) in [("", &control.remediate), ("-rollback", &control.rollback)] {
            let name = format!("{}{suffix}", control.id);
            resources.push((format!("{}Document", logical(&name)), resource(control, &name, document)));
        }
    }
    template("Plumb: the runbooks, SSM Automation documents", vec![], vec![], resources, vec![])
}

fn resource(control: &Definition, name: &str, document: &Located) -> Yaml {
    map([
        ("Type", text("AWS::SSM::Document")),
        (
            "Properties",
            map([
                ("Name", prefixed(name)),
                ("DocumentType", text("Automation")),
                ("DocumentFormat", text("YAML")),
                ("UpdateMethod", text("NewVersion")),
                ("Tags", tags(&control.id)),
                ("Content", Yaml::from(document)),
            ]),
        ),
    ])
}

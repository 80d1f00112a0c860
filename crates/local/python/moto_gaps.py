"""What moto lacks, taught here rather than worked around in runbooks."""

import contextvars
import os

# AWS's managed policies exist in every account. Read by moto before it makes one.
os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")

import moto_hsm  # noqa: E402
from moto.core.responses import ActionResult  # noqa: E402
from moto.ec2.models.amis import AmiBackend  # noqa: E402
from moto.ec2.models.instances import Instance  # noqa: E402
from moto.ec2.models.launch_templates import LaunchTemplate  # noqa: E402
from moto.ec2.responses import EC2Response  # noqa: E402
from moto.ec2.responses.launch_templates import LaunchTemplates  # noqa: E402
from moto.iam.models import User  # noqa: E402

# The version that the launch template version which is being made is made of.
_source = contextvars.ContextVar("source", default=None)


def teach():
    tag_snapshots_of_images()
    free_addresses()
    keep_launch_template_versions()
    name_users_as_iam_does()
    moto_hsm.teach()


def tag_snapshots_of_images():
    """CreateImage takes tags for the image's snapshots too, which moto answers with an error of its own."""
    create = AmiBackend.create_image

    def create_with_tags(self, instance_id, name, description, tag_specifications):
        mine = [given for given in tag_specifications if given["ResourceType"] == "snapshot"]
        rest = [given for given in tag_specifications if given["ResourceType"] != "snapshot"]
        image = create(self, instance_id, name, description, tag_specifications=rest)
        snapshot = self.snapshots.get(image.ebs_snapshot.id)
        for given in mine if snapshot else []:
            snapshot.add_tags({tag["Key"]: tag["Value"] for tag in given["Tags"]})
        return image

    AmiBackend.create_image = create_with_tags


def free_addresses():
    """The address of a terminated instance is free again at once; moto frees it when Python forgets the instance."""
    terminate = Instance.terminate

    def terminate_and_free(self):
        ended = terminate(self)
        if self.subnet_id:
            subnet = self.ec2_backend.get_subnet(self.subnet_id)
            for address in self._private_ips:
                # Not `del_subnet_ip`: that would make it the next instance's, whoever asks.
                subnet._subnet_ips.pop(address, None)
        return ended

    Instance.terminate = terminate_and_free


def keep_launch_template_versions():
    """A version may be made of another one, and deleted again; of several the newest, which is what anybody takes back."""
    answer_create = LaunchTemplates.create_launch_template_version
    create = LaunchTemplate.create_version

    def create_launch_template_version(self):
        token = _source.set(self._get_param("SourceVersion"))
        try:
            return answer_create(self)
        finally:
            _source.reset(token)

    def create_version(self, data, description):
        source = _source.get()
        return create(self, {**self.get_version(source).data, **data} if source else data, description)

    def delete_launch_template_versions(self):
        template = self.ec2_backend.get_launch_template(self._get_param("LaunchTemplateId"))
        done, refused = [], []
        for number in self._get_param("Versions", []) or self._get_param("LaunchTemplateVersion", []):
            item = {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "VersionNumber": int(number)}
            version = template.versions[-1]
            if version.number == int(number) and not template.is_default(version):
                template.versions.pop()
                done.append(item)
            else:
                error = {"code": "unexpectedError", "message": "local AWS deletes a template's newest version only"}
                refused.append({**item, "ResponseError": error})
        return ActionResult(
            {
                "SuccessfullyDeletedLaunchTemplateVersions": done,
                "UnsuccessfullyDeletedLaunchTemplateVersions": refused,
            }
        )

    LaunchTemplate.create_version = create_version
    LaunchTemplates.create_launch_template_version = create_launch_template_version
    EC2Response.delete_launch_template_versions = delete_launch_template_versions


def name_users_as_iam_does():
    """A user's unique id begins with AIDA, by which it is told from a name."""
    make = User.__init__

    def make_with_id(self, *args, **kwargs):
        make(self, *args, **kwargs)
        if not self.id.startswith("AIDA"):
            self.id = "AIDA" + self.id[4:].upper()

    User.__init__ = make_with_id

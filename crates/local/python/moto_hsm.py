"""What moto's CloudHSM clusters lack: modules (CreateHsm and DeleteHsm, ready and gone at once), and that anything of a
cluster or of its backups can be changed (ModifyCluster, ModifyBackupAttributes)."""

import json
import secrets

from moto.cloudhsmv2.exceptions import ResourceNotFoundException
from moto.cloudhsmv2.models import Cluster
from moto.cloudhsmv2.responses import CloudHSMV2Response
from moto.ec2.models import ec2_backends

LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def teach():
    place_clusters_by_zone()
    CloudHSMV2Response.create_hsm = create_hsm
    CloudHSMV2Response.delete_hsm = delete_hsm
    CloudHSMV2Response.modify_cluster = modify_cluster
    CloudHSMV2Response.modify_backup_attributes = modify_backup_attributes


def place_clusters_by_zone():
    """moto files every subnet under the Region; CloudHSM files each under its zone, and has shorter ids."""
    create = CloudHSMV2Response.create_cluster

    def create_cluster(self):
        backend = self.cloudhsmv2_backend
        known = set(backend.clusters)
        answer = json.loads(create(self))
        (made,) = set(backend.clusters) - known
        cluster = backend.clusters.pop(made)
        cluster.cluster_id = "cluster-" + random_id()
        backend.clusters[cluster.cluster_id] = cluster
        for backup in backend.backups.values():
            if backup.cluster_id == made:
                backup.cluster_id = cluster.cluster_id
        subnets = ec2_backends[self.current_account][self.region].describe_subnets(subnet_ids=self._get_param("SubnetIds"))
        cluster.subnet_mapping = {subnet.availability_zone: subnet.id for subnet in subnets}
        answer["Cluster"] |= {"ClusterId": cluster.cluster_id, "SubnetMapping": cluster.subnet_mapping}
        return json.dumps(answer)

    CloudHSMV2Response.create_cluster = create_cluster


def create_hsm(self):
    cluster = cluster_of(self)
    zone = self._get_param("AvailabilityZone")
    if zone not in cluster.subnet_mapping:
        raise ResourceNotFoundException(f"The cluster has no subnet in {zone}.")
    module = {
        "HsmId": "hsm-" + random_id(),
        "ClusterId": cluster.cluster_id,
        "AvailabilityZone": zone,
        "SubnetId": cluster.subnet_mapping[zone],
        "State": "ACTIVE",
    }
    cluster.hsms.append(module)
    return json.dumps({"Hsm": module})


def delete_hsm(self):
    cluster = cluster_of(self)
    wanted = self._get_param("HsmId")
    left = [module for module in cluster.hsms if module["HsmId"] != wanted]
    if len(left) == len(cluster.hsms):
        raise ResourceNotFoundException(f"There is no HSM {wanted}.")
    cluster.hsms[:] = left
    return json.dumps({"HsmId": wanted})


def modify_cluster(self):
    cluster = cluster_of(self)
    cluster.backup_retention_policy = self._get_param("BackupRetentionPolicy")
    return json.dumps({"Cluster": cluster.to_dict()}, default=str)


def modify_backup_attributes(self):
    wanted = self._get_param("BackupId")
    backup = self.cloudhsmv2_backend.backups.get(wanted)
    if backup is None:
        raise ResourceNotFoundException(f"Backup {wanted} not found")
    backup.never_expires = self._get_param("NeverExpires")
    return json.dumps({"Backup": {"BackupId": backup.backup_id, "NeverExpires": backup.never_expires}})


def cluster_of(response) -> Cluster:
    wanted = response._get_param("ClusterId")
    clusters = response.cloudhsmv2_backend.clusters
    if wanted not in clusters:
        raise ResourceNotFoundException(f"Cluster {wanted} not found")
    return clusters[wanted]


def random_id():
    return "".join(secrets.choice(LETTERS) for _ in range(11))

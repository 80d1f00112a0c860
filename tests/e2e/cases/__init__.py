"""The ten violations, each made by hand in the middle of what has to be kept."""

from cases.audit import KeyWithoutRotation, TrailWithoutLogValidation
from cases.base import Neighbourhood
from cases.buckets import BucketPublicAccess, BucketTlsOnly, WaivedBucket
from cases.data import EbsDefaultEncryptionOff, InstancePublicAccess, TableWithoutRecovery
from cases.network import ElasticIpUnattached, SecurityGroupOpenAdminPorts, VpcWithoutFlowLogs

ALL = (
    BucketPublicAccess,
    BucketTlsOnly,
    SecurityGroupOpenAdminPorts,
    KeyWithoutRotation,
    TrailWithoutLogValidation,
    VpcWithoutFlowLogs,
    InstancePublicAccess,
    EbsDefaultEncryptionOff,
    TableWithoutRecovery,
    ElasticIpUnattached,
)

__all__ = ["ALL", "Neighbourhood", "WaivedBucket"]

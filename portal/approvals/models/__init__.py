"""Policies, and for each thing waiting for a decision its approval, stages and votes."""

from portal.approvals.models.approvals import OPEN, Approval, FrozenCard, Risk, State
from portal.approvals.models.calendars import Calendar
from portal.approvals.models.delegations import Delegation
from portal.approvals.models.files import File
from portal.approvals.models.links import DecisionLink
from portal.approvals.models.policies import Policy, PolicyState
from portal.approvals.models.policy_changes import ChangeAct, ChangeState, PolicyChange
from portal.approvals.models.stages import Choice, Stage, StageState, Vote
from portal.approvals.models.talk import Comment, Question

__all__ = [
    "OPEN",
    "Approval",
    "Calendar",
    "ChangeAct",
    "ChangeState",
    "Choice",
    "Comment",
    "DecisionLink",
    "Delegation",
    "File",
    "FrozenCard",
    "Policy",
    "PolicyChange",
    "PolicyState",
    "Question",
    "Risk",
    "Stage",
    "StageState",
    "State",
    "Vote",
]

# The default policy. It is asked after the floor and the breakers, and beside the approval rules of registry.json: it can
# forbid, or ask people, where those would not. Docs/Policy.md says what it sees and what it may answer.
package openexec

# Whatever no rule below speaks for is denied, and so is an error in any of them.
default decision := {"type": "deny", "reason": "no rule approves it"}

decision := {"type": "deny", "reason": "a rule forbids it", "rules": denials} if count(denials) > 0

else := {
	"type": strictest,
	"reason": "people must agree",
	"rules": asks,
	"demands": demands,
	"deadline_seconds": data.deadline_seconds,
} if count(asks) > 0

else := {"type": "approve", "reason": "within the limits", "rules": {"within_limits"}} if within_limits

within_limits if {
	input.action == input.definition.name
	input.risk.estimated_cost_usd <= data.limits.proposal_usd
}

# --- What is never approved ---

# What cannot be taken back is never done to restricted data by an agent. For anything else with it the registry asks an
# approver, and the agent's owner confirms.
denials contains {
	"rule": "restricted_data",
	"message": "critical impact on restricted data is for people's own hands",
} if {
	input.risk.data_classification == "restricted"
	input.risk.impact_level == "critical"
}

# An agent that asks agents that ask agents: nobody can say any more who wanted it.
denials contains {
	"rule": "nesting",
	"message": sprintf("depth %d, at most %d", [input.depth, data.limits.depth]),
} if input.depth > data.limits.depth

# --- Where people are asked ---

# Personal data, whatever is done with it.
asks contains {
	"rule": "personal_data",
	"effect": "escalate",
	"message": "personal data: a person must agree",
} if input.risk.data_classification == "pii"

# Outside text may carry instructions: a person looks before it moves anything, also where the impact is not high.
asks contains {
	"rule": "outside_text",
	"effect": "escalate",
	"message": "an input is outside text: a person must agree",
} if {
	"untrusted" in input.input_labels
	input.risk.impact_rank >= 1
}

# What costs more than usual.
asks contains {
	"rule": "cost",
	"effect": "escalate",
	"message": sprintf("costs up to %v USD, usual are %v", [input.risk.estimated_cost_usd, data.limits.proposal_usd]),
} if input.risk.estimated_cost_usd > data.limits.proposal_usd

# What cannot be taken back: two people.
asks contains {
	"rule": "critical_impact",
	"effect": "require_multi_sig",
	"message": "critical impact: two people must agree",
} if input.risk.impact_level == "critical"

# --- Of several demands the strictest ---

strictest := "require_multi_sig" if {
	some ask in asks
	ask.effect == "require_multi_sig"
}

else := "escalate"

demands contains {"role": "approver", "count": people[strictest]}

people := {"escalate": 1, "require_multi_sig": 2}

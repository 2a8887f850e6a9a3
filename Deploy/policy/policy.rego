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

# Memory is one plain text, known in full: also when it is decided again.
denials contains {
	"rule": "memory_shape",
	"message": "a note is one text",
} if {
	writes_memory
	not is_string(input.parameters.text)
}

# What agents read again later is no place for keys.
denials contains {
	"rule": "memory_secret",
	"message": "the note has what looks like a key or a password",
} if {
	writes_memory
	some pattern in data.memory.secrets
	regex.match(pattern, input.parameters.text)
}

# --- Where people are asked ---

# A note that tells its reader what to do outlives whoever wrote it: a person reads it first. The patterns catch what is
# written carelessly, and no list catches everything, so that what comes from outside asks a person whatever it says.
asks contains {
	"rule": "memory_instruction",
	"effect": "escalate",
	"message": "the note reads like an instruction to agents: a person must agree",
} if {
	writes_memory
	some pattern in data.memory.instructions
	regex.match(pattern, input.parameters.text)
}

asks contains {
	"rule": "memory_outside_text",
	"effect": "escalate",
	"message": "what the agent was given is outside text: a person must agree to what it remembers",
} if {
	writes_memory
	given_outside_text
}

given_outside_text if "untrusted" in input.trace_labels

# A trace is what the agent calls one: what it was given in the last hour counts in every other, too.
given_outside_text if "untrusted" in input.agent_labels

writes_memory if "memory.write" in input.definition.scopes

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

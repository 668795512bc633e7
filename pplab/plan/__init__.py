"""What a user asks for, as plain values: parameters, settings, prompts, the plan. Pure; the lowest room."""

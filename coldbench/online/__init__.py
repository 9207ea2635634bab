"""The simulated online test: worlds, a four-stage funnel, arms, designs, and the effects that each design reports."""

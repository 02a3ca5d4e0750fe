"""Fine-tune a model on corrections: plan, run in a process of its own, gate."""

"""Rules over signals, shipped as presets, and the stage that applies them."""

"""From what a model cannot do to what is synthesised: cells, weights, and rounds that meet them."""

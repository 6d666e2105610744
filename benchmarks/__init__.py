"""Speed and memory, side by side with MMSegmentation's own code."""

"""Main window: places the features' panels and actions, and is imported by allstation.app only."""

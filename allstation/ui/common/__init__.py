"""Widgets' helpers shared by every feature: actions, notifications, theme, icons, translation, formatting."""

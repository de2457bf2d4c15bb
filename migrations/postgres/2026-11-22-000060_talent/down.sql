DROP TABLE saved_searches;
DROP TABLE driver_notes;
DROP TABLE shortlisted_drivers;
DROP TABLE shortlists;
DROP TABLE rated_drivers;
DROP TABLE board_models;
